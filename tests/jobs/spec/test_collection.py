import pytest
from pydantic import ValidationError

from giornata.jobs.spec.collection import Fidelity, Package, Price, QualityChecks


def test_a_check_is_asked_for_once_one_key_is_given() -> None:
    assert not QualityChecks().asked
    for given in ({"seam": 0}, {"clipping": 0.1}, {"ssim": 0.5}, {"size": True}, {"profile": True}):
        assert QualityChecks.model_validate(given).asked


@pytest.mark.parametrize(
    ("written", "bag"), [(True, {}), (False, None), (None, None), ({"Source-Organization": "X"}, ...)]
)
def test_a_bag_is_asked_for_by_true_or_by_what_it_says(written: object, bag: object) -> None:
    expected = written if bag is ... else bag
    assert Package.model_validate({"bag": written}).bag == expected


@pytest.mark.parametrize("entry", [{"Contact Name": "x"}, {"Note": "two\nlines"}, {"": "x"}, {"A:B": "x"}])
def test_a_line_of_a_bag_stays_one_line(entry: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="needed one line under letters, digits and hyphens"):
        Package(bag=entry)


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (Fidelity, {"ssim": 1.1}),
        (QualityChecks, {"seam": -1}),
        (QualityChecks, {"clipping": float("nan")}),
        (Price, {}),
        (Price, {"per_hour": float("inf")}),
        (Price, {"per_hour": 1, "currency": "nine words"}),
    ],
)
def test_numbers_without_a_meaning_are_refused(
    model: type[Fidelity | QualityChecks | Price], wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(wrong)
