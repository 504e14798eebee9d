import pytest
from pydantic import BaseModel, ValidationError

from giornata.cluster.service.schemas.requests import (
    MOST_ITEMS,
    HoldOrder,
    RetryOrder,
    SetOrder,
    SkipOrder,
    SubmitOrder,
)
from giornata.jobs.errors import BadSpec
from giornata.jobs.model.states import ItemState

SPEC = {"name": "autumn", "inputs": "scans", "styles": ["wave"], "destination": "out"}


def test_a_batch_is_a_spec_and_the_folder_that_it_starts_from() -> None:
    order = SubmitOrder.model_validate({"spec": SPEC, "base": "/srv"})
    assert (order.spec.name, order.base, order.dry_run, order.client_token) == ("autumn", "/srv", False, "")
    assert SubmitOrder(spec=order.spec, base="/srv") == order


def test_a_wrong_spec_is_refused_in_the_words_of_a_plan() -> None:
    with pytest.raises(BadSpec, match="did you mean 'styles'"):
        SubmitOrder.model_validate({"spec": {**SPEC, "stiles": ["wave"]}, "base": "/srv"})


def test_what_is_lost_is_what_a_retry_means_unless_it_says_more() -> None:
    assert RetryOrder().states == (ItemState.FAILED, ItemState.QUARANTINED)
    assert RetryOrder.model_validate({"states": ["cancelled"]}).states == (ItemState.CANCELLED,)


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (SubmitOrder, {"spec": SPEC, "base": ""}),
        (SubmitOrder, {"spec": SPEC, "base": "/srv", "priority": 101}),
        (SubmitOrder, {"spec": SPEC, "base": "/srv", "client_token": " starts with a space"}),
        (SubmitOrder, {"spec": SPEC, "base": "/srv", "max_workers": 0}),
        (SetOrder, {"priority": -1}),
        (SetOrder, {"priorty": 1}),
        (RetryOrder, {"states": ["broken"]}),
        (RetryOrder, {"items": []}),
        (SkipOrder, {"items": ["a"] * (MOST_ITEMS + 1)}),
        (SkipOrder, {"items": ["a\n"]}),
        (SkipOrder, {}),
        (HoldOrder, {"reason": "x" * 501}),
    ],
)
def test_what_no_service_could_do_is_refused_before_it_is_asked(
    model: type[BaseModel], wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(wrong)
