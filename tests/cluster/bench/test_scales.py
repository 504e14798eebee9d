"""Several scales are measured against one by the loss that both minimise."""

import pytest

from giornata.cluster.bench.scales import Setting, measure


@pytest.mark.slow
def test_several_scales_stop_where_one_scale_came_to() -> None:
    one, several = measure(Setting(side_px=128, steps=6, first_steps=30, smallest_px=64))
    assert (one.sizes, one.steps, one.share) == ("128", "6", 1.0)
    assert several.sizes == "64 128"
    assert several.steps.startswith("30 ")
    if several.way == "several scales":
        assert several.loss <= one.loss
    else:
        assert several.steps == "30 6"
    assert several.share == pytest.approx(several.seconds / one.seconds)
