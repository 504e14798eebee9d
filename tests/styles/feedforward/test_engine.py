"""The engine computes what the network's definition says, whatever the blocks and lanes."""

import numpy as np
import pytest
import torch

from giornata.styles.engine import TileSnapshot, collect_totals, render_tile, replay
from giornata.styles.errors import UnknownStyle
from giornata.styles.feedforward.engine import FeedForwardEngine, style_weights
from giornata.styles.feedforward.network import NetworkShape, TransformerNetwork, classic_shape
from giornata.styles.moments import summed

torch.set_num_threads(1)
MIX = torch.tensor([[0.3, 0.7]])
SHAPES = {
    "classic": classic_shape(8, 2),
    "smooth": NetworkShape(down=(8, 12, 16), blocks=2, up=(12, 8), smooth=True),
}


@pytest.fixture(scope="module", params=SHAPES)
def network(request: pytest.FixtureRequest) -> TransformerNetwork:
    torch.manual_seed(11)
    made = TransformerNetwork(styles=2, shape=SHAPES[request.param]).eval()
    for stage in made.normalised():
        torch.nn.init.normal_(stage.table, 0.5, 0.4)
    return made


@pytest.mark.parametrize("size", [(16, 16), (20, 132), (132, 76)], ids=str)
@pytest.mark.parametrize("block_px", [16, 52, 256])
@pytest.mark.parametrize("lanes", [1, 3])
def test_blocks_and_lanes_change_nothing(
    network: TransformerNetwork, size: tuple[int, int], block_px: int, lanes: int
) -> None:
    pixels = torch.rand(*size, 3, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(pixels.permute(2, 0, 1)[None], MIX)[0].permute(1, 2, 0)
    engine = FeedForwardEngine(network, MIX, block_px=block_px, lanes=lanes)
    core = (slice(0, size[0]), slice(0, size[1]))
    got = render_tile(engine, pixels, core, tuple(collect_totals(engine, pixels)))
    assert (got - expected).abs().max() < 1e-5


@pytest.mark.parametrize("side", [48, 160, 300])
def test_the_number_of_lanes_does_not_show_in_a_single_bit(network: TransformerNetwork, side: int) -> None:
    pixels = torch.rand(side, side, 3, generator=torch.Generator().manual_seed(4))
    core = (slice(0, side), slice(0, side))
    renders = []
    for lanes in (1, 2, 4):
        engine = FeedForwardEngine(network, MIX, lanes=lanes)
        renders.append(render_tile(engine, pixels, core, tuple(collect_totals(engine, pixels))))
    assert torch.equal(renders[0], renders[1])
    assert torch.equal(renders[0], renders[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_tile_frozen_at_any_phase_goes_on_to_the_last_bit(
    network: TransformerNetwork, dtype: torch.dtype
) -> None:
    deep = TransformerNetwork(styles=2, shape=network.shape)
    deep.load_state_dict(network.state_dict())
    engine = FeedForwardEngine(deep, MIX, dtype=dtype)
    pixels = torch.rand(80, 72, 3, generator=torch.Generator().manual_seed(5))
    core = (slice(16, 64), slice(0, 56))
    totals = tuple(collect_totals(engine, pixels))
    expected = render_tile(engine, pixels, core, totals)
    for phase in range(engine.phases):
        frozen = replay(engine, pixels, core, totals[:phase]).freeze()
        weight = sum(tensor.numel() * tensor.itemsize for tensor in frozen.tensors)
        assert weight == engine.frozen_bytes_per_px(phase) * 80 * 72
        copy = tuple(tensor.clone() for tensor in frozen.tensors)
        run = engine.thaw(TileSnapshot(phase, frozen.moments, copy), 80, core)
        assert np.array_equal(run.partial().total, frozen.moments.total)
        assert np.array_equal(run.partial().squares, frozen.moments.squares)
        for total in totals[phase:]:
            run.advance(total)
        assert torch.equal(run.finish(), expected)


def test_the_work_of_all_phases_is_that_of_the_network() -> None:
    engine = FeedForwardEngine(TransformerNetwork(styles=2), MIX)
    work = [engine.work_per_px(phase) for phase in range(engine.phases + 1)]
    assert sum(work) == pytest.approx(153_792, rel=0.001)
    assert engine.frozen_bytes_per_px(0) == 4 * 32
    assert engine.frozen_bytes_per_px(3) == 4 * 128 / 16


@pytest.mark.parametrize("size", [(64, 96), (92, 200), (148, 132)], ids=str)
@pytest.mark.parametrize("core_px", [32, 76])
def test_tiles_with_their_halos_make_the_whole_picture(
    network: TransformerNetwork, size: tuple[int, int], core_px: int
) -> None:
    pixels = torch.rand(*size, 3, generator=torch.Generator().manual_seed(6))
    engine = FeedForwardEngine(network, MIX)
    with torch.inference_mode():
        expected = network(pixels.permute(2, 0, 1)[None], MIX)[0].permute(1, 2, 0)
    tiles = []
    for top in range(0, size[0], core_px):
        for left in range(0, size[1], core_px):
            spans = [
                (max(0, start - engine.halo_px), start, min(start + core_px, side), side)
                for start, side in ((top, size[0]), (left, size[1]))
            ]
            seen = tuple(slice(low, min(stop + engine.halo_px, side)) for low, _, stop, side in spans)
            core = (
                slice(spans[0][1] - spans[0][0], spans[0][2] - spans[0][0]),
                slice(spans[1][1] - spans[1][0], spans[1][2] - spans[1][0]),
            )
            tiles.append((engine.open(pixels[seen], core), core, (top, left)))
    for _ in range(engine.phases):
        total = summed(run.partial() for run, _, _ in tiles)
        for run, _, _ in tiles:
            run.advance(total)
    for run, core, (top, left) in tiles:
        made = run.finish()[core]
        wanted = expected[top : top + made.shape[0], left : left + made.shape[1]]
        assert (made - wanted).abs().max() < 1e-4


def test_weights_are_shares_and_strength_walks_to_the_identity() -> None:
    names = ("identity", "ochre", "azure")
    assert style_weights(names, {"ochre": 1, "azure": 3}, 1.0).tolist() == [[0, 0.25, 0.75]]
    assert style_weights(names, {"ochre": 2}, 0.25).tolist() == [[0.75, 0.25, 0]]
    with pytest.raises(
        UnknownStyle, match="'umber': not in the library; known styles: identity, ochre, azure"
    ):
        style_weights(names, {"umber": 1}, 1.0)


def test_brain_floats_come_close(network: TransformerNetwork) -> None:
    pixels = torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(4))
    core = (slice(0, 64), slice(0, 64))
    exact = FeedForwardEngine(network, MIX)
    expected = render_tile(exact, pixels, core, tuple(collect_totals(exact, pixels)))
    other = TransformerNetwork(styles=2, shape=network.shape)
    other.load_state_dict(network.state_dict())
    rough = FeedForwardEngine(other, MIX, dtype=torch.bfloat16)
    got = render_tile(rough, pixels, core, tuple(collect_totals(rough, pixels)))
    assert (got - expected).abs().mean() < 0.02


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_picture(network: TransformerNetwork) -> None:
    pixels = torch.rand(96, 96, 3, generator=torch.Generator().manual_seed(5))
    core = (slice(0, 96), slice(0, 96))
    results = []
    for device in ("cpu", "cuda"):
        copy = TransformerNetwork(styles=2, shape=network.shape)
        copy.load_state_dict(network.state_dict())
        engine = FeedForwardEngine(copy, MIX, device=device)
        results.append(render_tile(engine, pixels, core, tuple(collect_totals(engine, pixels))).cpu())
    assert (results[0] - results[1]).abs().max() < 1 / 255
