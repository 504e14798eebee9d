"""The universal engine keeps the engine contract: tiles, threads and time between phases do not show."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.styles.engine import render_tile
from giornata.styles.errors import BadStatistics
from giornata.styles.universal.engine import UniversalEngine, UniversalOptions
from giornata.styles.universal.network import (
    FIRST,
    SECOND,
    UniversalShape,
)
from giornata.styles.universal.transform import TransformKind
from tests.styles.universal.cases import IDENTITY, engine, network, painted, picture, statistics

SIDES = st.integers(2, 14).map(lambda steps: 16 * steps)
CORES = st.integers(2, 8).map(lambda steps: 16 * steps)
SHAPES = st.sampled_from((FIRST, SECOND))
OPTIONS = st.builds(
    UniversalOptions,
    strength=st.sampled_from([0.3, 1.0]),
    levels=st.integers(1, 5),
    structure=st.sampled_from([0.0, 0.4]),
    transform=st.sampled_from(TransformKind),
)


@settings(max_examples=16, deadline=None, derandomize=True)
@given(SIDES, SIDES, CORES, OPTIONS, SHAPES)
def test_tiled_equals_whole(
    height: int, width: int, core_px: int, options: UniversalOptions, shape: UniversalShape
) -> None:
    made, pixels = engine(options, shape=shape), picture(height, width)
    whole, _ = painted(made, pixels, 16 * 64)
    tiled, _ = painted(made, pixels, core_px)
    assert torch.isfinite(whole).all()
    assert (tiled - whole).abs().max() <= 2e-4  # 1/255 is promised


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_do_not_show_in_a_single_bit(threads: int) -> None:
    pixels = picture(176, 240)
    before = torch.get_num_threads()
    torch.set_num_threads(4)  # of a larger machine; torch would split single products over them
    try:
        alone, totals = painted(engine(block_px=32), pixels, 96)
        beside, others = painted(engine(block_px=32, threads=threads), pixels, 96)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(alone, beside)
    for one, other in zip(totals, others, strict=True):
        assert np.array_equal(one.squares, other.squares)


@pytest.mark.parametrize("structure", [0.0, 0.5])
def test_a_tile_that_was_frozen_goes_on_to_the_same_bits(structure: float) -> None:
    made = engine(UniversalOptions(structure=structure))
    pixels = torch.from_numpy(picture(96, 80))
    core = (slice(16, 96), slice(0, 64))
    _, totals = painted(made, picture(96, 80), 96)
    wanted = render_tile(made, pixels, core, totals)
    run = made.open(pixels, core)
    for phase, total in enumerate(totals):
        frozen = run.freeze()
        assert frozen.phase == phase
        run = made.thaw(frozen, 96, core)
        assert np.array_equal(run.partial().squares, frozen.moments.squares)
        run.advance(total)
    assert torch.equal(run.finish(), wanted)


def test_no_strength_is_the_picture_to_the_last_bit() -> None:
    pixels = picture(96, 80)
    made, _ = painted(engine(UniversalOptions(strength=0.0)), pixels, 48)
    assert torch.equal(made, torch.from_numpy(pixels))


def test_less_strength_is_nearer_to_the_picture() -> None:
    pixels = picture(96, 80)
    far = [
        (painted(engine(UniversalOptions(strength=strength)), pixels, 96)[0] - torch.from_numpy(pixels))
        .abs()
        .mean()
        .item()
        for strength in (0.02, 0.1, 1.0)
    ]
    assert far == sorted(far)


def test_shares_mix_styles() -> None:
    pixels = picture(64, 64)

    def mixed(*shares: float) -> torch.Tensor:
        made = UniversalEngine(network(), [statistics(5), statistics(6)], shares, identity=IDENTITY)
        return painted(made, pixels, 64)[0]

    assert torch.equal(mixed(1, 3), mixed(2, 6))
    assert torch.allclose(mixed(1, 0), painted(engine(), pixels, 64)[0], atol=1e-3)
    assert not torch.equal(mixed(1, 3), mixed(3, 1))
    twice = UniversalEngine(network(), [statistics()] * 2, [1, 4], identity=IDENTITY)
    assert torch.allclose(painted(twice, pixels, 64)[0], painted(engine(), pixels, 64)[0], atol=1e-3)


def test_statistics_of_another_network_are_refused() -> None:
    with pytest.raises(BadStatistics, match="add the style again"):
        UniversalEngine(network(), [statistics()], [1.0], identity="1" * 64)


def test_a_picture_of_one_colour_is_painted_without_a_wrong_number() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    made, _ = painted(engine(), flat, 32)
    assert torch.isfinite(made).all()
