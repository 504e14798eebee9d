"""A loss curve is a whole SVG with a line for every part, whatever the losses are."""

from xml.etree import ElementTree

import pytest

from giornata.cluster.reporting.charts import HEIGHT, WIDTH, curve_svg
from giornata.workers.optimization.loss_history import LossHistory, ScaleHistory

SVG = "{http://www.w3.org/2000/svg}"


def scale(*losses: float, steps: int = 10, width: int = 64) -> ScaleHistory:
    at = tuple(range(len(losses)))
    zeros = tuple(0.0 for _ in losses)
    return ScaleHistory(
        width=width, height=48, steps=steps, at=at, total=losses, content=zeros, style=losses, variation=zeros
    )


@pytest.mark.parametrize(
    "curves",
    [
        (scale(9.0, 3.0, 1.0), scale(2.0, 1.5, width=128)),
        (scale(5.0),),
        (scale(0.0, 0.0),),
        (scale(1e9, 1e-9),),
    ],
    ids=["two scales", "one point", "nothing to lose", "far apart"],
)
def test_every_curve_lies_on_its_paper(curves: tuple[ScaleHistory, ...]) -> None:
    root = ElementTree.fromstring(curve_svg(LossHistory(scales=len(curves), curves=curves)))  # noqa: S314 - our own
    lines = [one for one in root.iter(f"{SVG}path") if one.get("fill") == "none"]
    assert len(lines) == 3
    for line in lines:
        for point in str(line.get("d")).replace("M", "L").strip("L").split("L"):
            x, y = map(float, point.split())
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


def test_the_words_say_the_newest_losses_and_the_sizes() -> None:
    words = curve_svg(LossHistory(scales=1, curves=(scale(9.0, 2.5),)))
    assert "total 2.5" in words
    assert "64×48" in words
