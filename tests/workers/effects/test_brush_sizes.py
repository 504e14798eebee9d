"""The measure of strokes sees the scale at which a picture was painted over."""

import numpy as np
import pytest
import torch

from giornata.styles.library import Library
from giornata.styles.loader import load_engine
from giornata.workers.effects.brush_sizes import (
    SAMPLE_PX,
    engine_stroke_px,
    scale_free_picture,
    stroke_px,
    wave_energy,
)
from giornata.workers.effects.crop import Kernel, Resampler

torch.set_num_threads(1)


def grain(width_px: float, *, seed: int = 0) -> np.ndarray:
    """Noise whose waves are about twice `width_px` long."""
    side = round(SAMPLE_PX / width_px)
    small = np.random.default_rng(seed).normal(0, 1, (side, side, 3)).astype(np.float32)
    return Resampler((side, side), (SAMPLE_PX, SAMPLE_PX), Kernel.LANCZOS).whole(small)


def test_the_sample_is_as_alike_at_every_scale_as_can_be() -> None:
    energy = wave_energy(scale_free_picture())
    assert energy.max() / energy.min() < 6  # smooth noise: thousands
    assert scale_free_picture().min() >= 0
    assert scale_free_picture().max() <= 1


def test_coarser_grain_is_measured_as_broader_strokes() -> None:
    sample = scale_free_picture()
    found = [stroke_px(sample + grain(width), sample) for width in (3, 6, 12)]
    assert found == sorted(found)
    assert found[2] > 1.5 * found[0]


def test_more_of_the_same_style_is_no_other_stroke() -> None:
    sample = scale_free_picture()
    assert stroke_px(0.5 * sample, sample) == pytest.approx(stroke_px(sample, sample), rel=1e-4)


def test_a_shipped_style_has_a_stroke() -> None:
    assert 3 < engine_stroke_px(load_engine(Library(), {"la-calanque": 1.0})) < 20
