import pytest
import torch

from giornata.styles.errors import BadOptions
from giornata.styles.optimization.options import GatysOptions, Scale, ScaleGrowth, scales_of

torch.set_num_threads(1)


def test_scales_grow_to_the_full_size_and_do_fewer_and_fewer_steps() -> None:
    options = GatysOptions(growth=ScaleGrowth.DYADIC, steps=300, smallest_px=256)
    assert scales_of(1024, 700, options, least_px=64) == (
        Scale(256, 175, 300), Scale(512, 350, 100), Scale(1024, 700, 33),
    )  # fmt: skip
    root = scales_of(1000, 100, GatysOptions(growth=ScaleGrowth.SQRT2), least_px=64)
    assert [one.height for one in root] == [71, 100]


def test_nothing_to_minimise_is_refused() -> None:
    with pytest.raises(BadOptions, match=r"alpha 0\.0 and beta 0\.0.*needed at least one"):
        GatysOptions(alpha=0, beta=0).check()
