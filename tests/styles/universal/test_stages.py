"""Chains worked through in blocks are the plain operations on the whole map."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from giornata.styles.universal.stages import (
    Affine,
    Block,
    BlockRunner,
    ConvolutionStep,
    Doubling,
    MapOperation,
    clipped,
)

CHANNELS = 3
GENERATOR = torch.Generator().manual_seed(5)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def layer(side: int, stride: int) -> nn.Conv2d:
    made = nn.Conv2d(CHANNELS, CHANNELS, side, stride=stride)
    with torch.no_grad():
        made.weight.copy_(drawn(*made.weight.shape))
        made.bias.copy_(drawn(CHANNELS))  # type: ignore[union-attr]
    return made.requires_grad_(False)


PLAIN, HALVING = layer(3, 1), layer(4, 2)
AFFINE = Affine(drawn(CHANNELS, CHANNELS, 1, 1), drawn(CHANNELS))
CHAINS: dict[str, list[MapOperation]] = {
    "one": [ConvolutionStep(PLAIN)],
    "down": [
        ConvolutionStep(PLAIN),
        ConvolutionStep(HALVING, rectified=True),
        ConvolutionStep(PLAIN, rectified=True),
    ],
    "up": [AFFINE, ConvolutionStep(PLAIN), Doubling(), ConvolutionStep(PLAIN, rectified=True)],
    "nothing": [],
}


def whole(chain: list[MapOperation], features: Tensor) -> Tensor:
    """The chain on the whole map, by torch alone."""
    for operation in chain:
        if isinstance(operation, Affine):
            features = F.conv2d(features, operation.matrix, operation.offset)
        elif isinstance(operation, Doubling):
            features = F.interpolate(F.relu(features), scale_factor=2.0, mode="bilinear")
        elif isinstance(operation, ConvolutionStep):
            rectified = F.relu(features) if operation.rectified else features
            features = operation.layer(F.pad(rectified, (1, 1, 1, 1), mode="reflect"))
    return features


def in_blocks(runner: BlockRunner, chain: list[MapOperation], features: Tensor) -> Tensor:
    made = torch.full_like(whole(chain, features), torch.nan)

    def write(block: Block, part: Tensor) -> None:
        (top, bottom), (left, right) = block
        made[:, :, top:bottom, left:right] = part

    runner.run(chain, features, write)
    return made


@pytest.mark.parametrize("name", CHAINS)
@given(height=st.integers(4, 40), width=st.integers(4, 40), block=st.sampled_from([16, 32, 64]))
def test_blocks_make_the_whole_map(name: str, height: int, width: int, block: int) -> None:
    features = torch.randn(
        1, CHANNELS, 2 * height, 2 * width, generator=torch.Generator().manual_seed(height)
    )
    made = in_blocks(BlockRunner(block), CHAINS[name], features)
    assert torch.allclose(made, whole(CHAINS[name], features), rtol=1e-4, atol=1e-4)


def test_threads_do_not_show_in_a_single_bit() -> None:
    features = drawn(1, CHANNELS, 70, 90)
    one, three = (in_blocks(BlockRunner(16, threads), CHAINS["up"], features) for threads in (1, 3))
    assert torch.equal(one, three)


@given(st.integers(1, 500), st.integers(1, 500), st.sampled_from([16, 64, 256]))
def test_blocks_cover_a_map_once(height: int, width: int, block: int) -> None:
    blocks = BlockRunner(block).blocks(height, width)
    assert len(set(blocks)) == len(blocks)
    for side, length in ((0, height), (1, width)):
        ends = sorted({end for part in blocks for end in part[side]})
        assert (ends[0], ends[-1]) == (0, length)
        assert {part[side] for part in blocks} == set(pairwise(ends))


def test_results_come_in_the_order_of_the_blocks() -> None:
    for threads in (1, 3):
        runner = BlockRunner(16, threads)
        assert runner.map(lambda number: number * number, range(20)) == [n * n for n in range(20)]
        made = runner.run([], drawn(1, CHANNELS, 40, 50), lambda block, part: block)
        assert made == runner.blocks(40, 50)


def test_a_range_is_cut_at_the_map() -> None:
    assert clipped((-1, 9), 8) == (0, 8)
    assert clipped((2, 5), 8) == (2, 5)
