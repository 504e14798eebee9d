import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from giornata.cluster.dashboard.live_image import SIDE_PX, live_image_of
from giornata.jobs.maintenance.gc import PICTURES
from giornata.workers.tiling.canvas import Canvas
from giornata.workers.tiling.grid import TileGrid

GRID = TileGrid(width=96, height=64, core_px=32, stride=4, halo_px=0, overlap_px=8, min_side=4)


def painted(scratch: Path, *indexes: int, dtype: type = np.uint8) -> Path:
    """The folder of a picture whose tiles of these numbers are there, all of one grey."""
    folder = scratch / PICTURES / "abc-1"
    folder.mkdir(parents=True)
    pixels = np.lib.format.open_memmap(folder / "canvas.npy", mode="w+", dtype=dtype, shape=(64, 96, 3))
    canvas = Canvas(GRID, pixels, folder / "strips", worker="render-0.1")
    (folder / "strips").mkdir(exist_ok=True)
    for index in indexes:
        tile = GRID[index]
        canvas.add(tile, np.full((tile.reach.height, tile.reach.width, 3), 0.5, np.float32))
    pixels.flush()
    (folder / "prepared.json").write_text(json.dumps({"core_px": 32}))
    return folder


def test_the_plan_says_which_tiles_are_there_and_who_painted_them(tmp_path: Path) -> None:
    painted(tmp_path, 4, 0)
    image = live_image_of(tmp_path, "abc", overlap_px=8)
    assert image is not None
    told = image.describe()
    assert (told["width"], told["height"], told["columns"], told["rows"]) == (96, 64, 3, 2)
    assert [(tile["index"], tile["worker"]) for tile in told["done"]] == [
        (4, "render-0.1"),
        (0, "render-0.1"),
    ]
    json.dumps(told)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_is_not_painted_yet_is_transparent(tmp_path: Path, dtype: type) -> None:
    painted(tmp_path, 0, dtype=dtype)
    image = live_image_of(tmp_path, "abc", overlap_px=8)
    assert image is not None
    with Image.open(io.BytesIO(image.webp())) as shown:
        assert (shown.format, shown.mode, shown.size) == ("WEBP", "RGBA", (96, 64))
        pixels = np.asarray(shown)
    assert pixels[10, 10, 3] == 255
    assert abs(int(pixels[10, 10, 0]) - 127) <= 3
    assert pixels[50, 80, 3] == 0


def test_a_large_picture_is_shown_small(tmp_path: Path) -> None:
    folder = tmp_path / PICTURES / "abc-1"
    (folder / "strips").mkdir(parents=True)
    np.lib.format.open_memmap(
        folder / "canvas.npy", mode="w+", dtype=np.uint8, shape=(30, 2 * SIDE_PX + 1, 3)
    )
    (folder / "prepared.json").write_text(json.dumps({"core_px": 512}))
    image = live_image_of(tmp_path, "abc", overlap_px=8)
    assert image is not None
    with Image.open(io.BytesIO(image.webp())) as shown:
        assert shown.size == (934, 10)


def test_an_item_without_a_picture_at_work_shows_none(tmp_path: Path) -> None:
    folder = painted(tmp_path, 0)
    assert live_image_of(None, "abc", overlap_px=8) is None
    assert live_image_of(tmp_path, "ab", overlap_px=8) is None
    assert live_image_of(tmp_path, "../abc", overlap_px=8) is None
    (folder / "prepared.json").write_text("{")
    assert live_image_of(tmp_path, "abc", overlap_px=8) is None
