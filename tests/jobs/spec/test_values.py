import pytest
from pydantic import ValidationError

from giornata.jobs.spec.values import Brush, BrushUnit, TaskChecks, TaskMasks, TaskPalette, TaskRegion


def test_masks_are_named_as_far_as_they_are_given() -> None:
    assert TaskMasks().names == ()
    assert TaskMasks(apply="/b.png").names == ("/b.png",)
    assert TaskMasks(protect="/a.png", apply="/b.png").names == ("/a.png", "/b.png")


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (Brush, {"value": 0, "unit": "px"}),
        (Brush, {"value": float("inf"), "unit": "px"}),
        (Brush, {"value": 3, "unit": "inch"}),
        (TaskRegion, {"mask": "/a.png", "mix": {"wave": 1.0}, "strength": 1.1}),
        (TaskMasks, {"protected": "/a.png"}),
        (TaskChecks, {"seams": 1}),
    ],
)
def test_what_no_spec_would_make_is_refused(
    model: type[Brush | TaskRegion | TaskMasks | TaskChecks], wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(wrong)


@pytest.mark.parametrize(
    "value",
    [
        Brush(value=3, unit=BrushUnit.MM),
        TaskMasks(protect="/a.png", feather_px=0.5),
        TaskPalette(colours=("#0a1b2c",), delta_e=2.5),
        TaskChecks(seam=1.5, size=True),
        TaskRegion(mask="/a.png", mix={"wave": 0.25, "night": 0.75}, strength=0.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_travel_as_json_and_cannot_be_changed(
    value: Brush | TaskMasks | TaskPalette | TaskChecks | TaskRegion,
) -> None:
    assert type(value).model_validate_json(value.model_dump_json()) == value
    with pytest.raises(ValidationError, match="frozen"):
        setattr(value, next(iter(type(value).model_fields)), None)
