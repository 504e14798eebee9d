"""A plan and a listing say the same of one and the same conflict, word for word."""

from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.manager.listing import Lister
from giornata.jobs.planning.estimate import Size, plan
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.store import JobStore
from tests.support.fakes import StyleNames


def measured(source: str, page: int | None = None) -> Size:
    return Size(8, 8)


@pytest.mark.parametrize("trouble", ["two outputs of one name", "a stranger's file"])
def test_a_plan_and_a_listing_refuse_with_the_same_words(tmp_path: Path, trouble: str) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    template = "same{ext}" if trouble == "two outputs of one name" else "{stem}_{style}{ext}"
    words = {
        "name": "n",
        "inputs": "in",
        "styles": ["great-wave"],
        "destination": "out",
        "template": template,
    }
    if trouble == "a stranger's file":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a_great-wave.png").touch()
    spec, styles = parse_spec(words, origin="test"), StyleNames("great-wave")
    with pytest.raises(PlanRefused) as planned:
        plan(spec, base=tmp_path, styles=styles, measure=measured)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job_id = store.jobs.create(spec, base=tmp_path)
        with pytest.raises(PlanRefused) as listed:
            Lister(store, LocalPublisher(), styles).list_job(job_id)
    assert str(listed.value) == str(planned.value)
    assert ("same.png" if trouble == "two outputs of one name" else "was not made here") in str(planned.value)
