from collections.abc import Callable

import pytest

from giornata.jobs.errors import BadSpec
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.values import Brush, BrushUnit

SpecOf = Callable[..., JobSpec]


@pytest.mark.parametrize(
    ("written", "brush"),
    [
        ("24px", Brush(value=24, unit=BrushUnit.PX)),
        ("3 mm", Brush(value=3, unit=BrushUnit.MM)),
        ("1.5mm", Brush(value=1.5, unit=BrushUnit.MM)),
        (0.02, Brush(value=0.02, unit=BrushUnit.RELATIVE)),
    ],
)
def test_a_brush_has_a_unit(spec_of: SpecOf, written: object, brush: Brush) -> None:
    assert spec_of(render={"brush": written}).render.brush == brush


@pytest.mark.parametrize("written", ["thick", "0px", -1, "3 inches", True])
def test_a_stroke_that_means_nothing_is_refused(spec_of: SpecOf, written: object) -> None:
    with pytest.raises(BadSpec, match=r"brush"):
        spec_of(render={"brush": written})
