"""Tiled equals whole: the promise the whole project stands on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.moments import summed
from giornata.workers.tiling.arrays import read_box
from giornata.workers.tiling.canvas import Canvas, new_canvas
from giornata.workers.tiling.executor import (
    TileExecutor,
    exact_totals,
    grid_for,
    render_tiles,
    thumbnail_totals,
)
from giornata.workers.tiling.grid import Box

torch.set_num_threads(2)


@pytest.fixture(scope="module")
def network() -> TransformerNetwork:
    torch.manual_seed(7)
    made = TransformerNetwork(styles=3, width=8, blocks=2).eval()
    for stage in made.stages:
        torch.nn.init.normal_(stage.table, 0.6, 0.4)
    return made


@pytest.fixture(scope="module")
def engine(network: TransformerNetwork) -> FeedForwardEngine:
    return FeedForwardEngine(network, torch.tensor([[0.2, 0.5, 0.3]]), block_px=64)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth structure plus grain, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / (7 + 3 * c) + y / (11 + 2 * c)) for c in range(3)]
    grain = rng.normal(0, 0.2, (height, width, 3))
    return ((np.stack(waves, 2) * 0.3 + 0.5 + grain).clip(0, 1) * 255).astype(np.uint8)


def whole(engine: FeedForwardEngine, pixels: np.ndarray) -> np.ndarray:
    """What the network's own definition gives for the whole padded picture, cropped back."""
    height, width = pixels.shape[:2]
    padded = read_box(pixels, Box(0, 0, max(16, -(-height // 4) * 4), max(16, -(-width // 4) * 4)))
    with torch.inference_mode():
        out = engine.network(torch.from_numpy(padded).permute(2, 0, 1)[None], engine.weights)
    return out[0].permute(1, 2, 0).numpy()[:height, :width]


def tiled(
    engine: FeedForwardEngine,
    pixels: np.ndarray,
    folder: Path,
    *,
    core_px: int,
    workers: int = 1,
    overlap_px: int = 0,
    memory_bytes: int = 1 << 30,
) -> np.ndarray:
    """The picture rendered by `workers` desks that share nothing but the totals and the canvas."""
    height, width = pixels.shape[:2]
    grid = grid_for(engine, width, height, core_px=core_px, overlap_px=overlap_px)
    desks = [TileExecutor(engine, grid, pixels, memory_bytes=memory_bytes) for _ in range(workers)]
    owner = {tile.index: desks[tile.index % workers] for tile in grid}
    totals: tuple = ()
    for _ in range(engine.phases):
        totals = (*totals, summed(owner[tile.index].partial(tile, totals) for tile in grid))
    folder.mkdir(exist_ok=True)
    path = new_canvas(folder / "canvas.npy", height, width, np.float32)
    canvas = Canvas(grid, np.load(path, mmap_mode="r+"), folder / "strips")
    order = list(grid)
    np.random.default_rng(1).shuffle(order)
    for tile in order:
        canvas.add(tile, owner[tile.index].render(tile, totals))
    return np.array(canvas.finish())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    core=st.sampled_from([32, 64, 100, 128]),
    workers=st.integers(1, 3),
    overlap=st.sampled_from([0, 8, 16]),
)
def test_a_tiled_render_is_the_whole_render(
    engine: FeedForwardEngine,
    tmp_path_factory: pytest.TempPathFactory,
    height: int,
    width: int,
    core: int,
    workers: int,
    overlap: int,
) -> None:
    pixels = picture(height, width, seed=height * 1000 + width)
    folder = tmp_path_factory.mktemp("render")
    got = tiled(engine, pixels, folder, core_px=core, workers=workers, overlap_px=overlap)
    assert got.shape == (height, width, 3)
    assert np.abs(got - whole(engine, pixels)).max() <= 1e-4


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 800), (800, 1), (3, 17), (15, 16), (16, 16), (97, 203)]
)
def test_odd_and_tiny_pictures_keep_their_size(
    engine: FeedForwardEngine, tmp_path: Path, height: int, width: int
) -> None:
    pixels = picture(height, width)
    got = tiled(engine, pixels, tmp_path, core_px=128)
    assert got.shape == pixels.shape
    assert np.isfinite(got).all()
    assert np.abs(got - whole(engine, pixels)).max() <= 1e-4


def test_tiles_that_do_not_fit_in_memory_are_replayed_to_the_same_pixels(
    engine: FeedForwardEngine, tmp_path: Path
) -> None:
    pixels = picture(150, 170)
    roomy = tiled(engine, pixels, tmp_path / "a", core_px=64)
    tight = tiled(engine, pixels, tmp_path / "b", core_px=64, memory_bytes=0)
    assert np.array_equal(roomy, tight)


def test_a_tile_rendered_again_elsewhere_comes_out_identical(engine: FeedForwardEngine) -> None:
    pixels = picture(160, 160)
    grid = grid_for(engine, 160, 160, core_px=64)
    first = TileExecutor(engine, grid, pixels)
    totals = exact_totals(first, grid)
    tile = grid[4]
    again = TileExecutor(engine, grid, pixels).render(tile, totals)
    assert np.array_equal(first.render(tile, totals), again)


def test_the_result_does_not_depend_on_the_number_of_workers(
    engine: FeedForwardEngine, tmp_path: Path
) -> None:
    pixels = picture(130, 190)
    renders = [tiled(engine, pixels, tmp_path / str(n), core_px=64, workers=n) for n in (1, 2, 4)]
    assert np.array_equal(renders[0], renders[1])
    assert np.array_equal(renders[0], renders[2])


def test_thumbnail_statistics_are_close_but_not_the_pictures_own(engine: FeedForwardEngine) -> None:
    pixels = picture(1100, 1500)
    grid = grid_for(engine, 1500, 1100, core_px=2048)
    exact = exact_totals(TileExecutor(engine, grid, pixels), grid)
    cheap = thumbnail_totals(engine, pixels)
    assert cheap[0].count < exact[0].count
    difference = np.abs(cheap[0].mean - exact[0].mean).max()
    assert 0 < difference < 0.05


def test_a_too_small_halo_would_show(engine: FeedForwardEngine, tmp_path: Path) -> None:
    """Guards the tests above: without the halo the same comparison must fail."""

    class Haloless(FeedForwardEngine):
        halo_px = 0

    pixels = picture(150, 150)
    bare = Haloless(engine.network, engine.weights, block_px=64)
    got = tiled(bare, pixels, tmp_path, core_px=64)
    assert np.abs(got - whole(engine, pixels)).max() > 1 / 255


def test_render_tiles_mixes_in_the_untouched_pixels_when_asked(
    engine: FeedForwardEngine, tmp_path: Path
) -> None:
    pixels = picture(40, 40)
    grid = grid_for(engine, 40, 40, core_px=64)
    desk = TileExecutor(engine, grid, pixels)
    totals = exact_totals(desk, grid)
    canvas = Canvas(grid, np.zeros((40, 40, 3), np.float32), tmp_path)
    assert len(list(render_tiles(desk, canvas, grid, totals, blend=0.25))) == 1
    expected = 0.25 * whole(engine, pixels) + 0.75 * pixels.astype(np.float32) / 255
    assert np.abs(canvas.finish() - expected).max() < 1e-5
