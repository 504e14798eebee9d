"""Every file that a viewer asks for is there: OpenSeadragon's rules for Deep Zoom, and IIIF Image 3.0's."""

import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
from defusedxml.ElementTree import parse

from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.storage.hashing import tree_files, tree_sha256
from giornata.workers.encoding.pyramid import (
    DZI_OVERLAP_PX,
    DZI_TILE_PX,
    IIIF_TILE_PX,
    iiif_sizes,
    write_tiles,
)
from tests.workers.pictures import image, photo

# Around a tile's side times powers of two, where counting goes wrong if anywhere.
NEAR_DZI = [DZI_TILE_PX * factor + more for factor in (1, 2, 4) for more in (-1, 0, 1)]
NEAR_IIIF = [IIIF_TILE_PX * factor + more for factor in (1, 2, 4) for more in (-1, 0, 1)]
SMALL = [(1, 1), (1, 600), (600, 1), (2, 3), (255, 257)]


def picture(width: int, height: int) -> pyvips.Image:
    ramp = np.linspace(0, 255, width * height, dtype=np.uint8).reshape(height, width)
    return image(np.ascontiguousarray(np.dstack([ramp, ramp[::-1], ramp])))


def tiles_written(folder: Path, format: PictureFormat, width: int, height: int) -> Path:
    write_tiles(
        picture(width, height),
        folder,
        format=format,
        name="plate 1",
        quality=50,
        container=Container.FOLDER,
    )
    return folder


def dzi_requests(width: int, height: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each tile of each level and its size: a level is half the next, rounded up, down to one pixel."""
    top = math.ceil(math.log2(max(width, height)))
    for level in range(top + 1):
        across, down = (math.ceil(side / 2 ** (top - level)) for side in (width, height))
        for column in range(math.ceil(across / DZI_TILE_PX)):
            for row in range(math.ceil(down / DZI_TILE_PX)):
                size = tuple(
                    min(side, (at + 1) * DZI_TILE_PX + DZI_OVERLAP_PX)
                    - max(0, at * DZI_TILE_PX - DZI_OVERLAP_PX)
                    for at, side in ((column, across), (row, down))
                )
                yield f"{level}/{column}_{row}.jpg", (size[0], size[1])


def iiif_requests(info: dict) -> Iterator[tuple[str, tuple[int, int]]]:  # type: ignore[type-arg]
    """What a viewer asks of a level 0 service: tiles of each scale factor, `sizes`, and full/max."""
    width, height, side = info["width"], info["height"], info["tiles"][0]["width"]
    for factor in info["tiles"][0]["scaleFactors"]:
        across, down = math.ceil(width / factor), math.ceil(height / factor)
        for column in range(math.ceil(across / side)):
            for row in range(math.ceil(down / side)):
                yield iiif_tile(width, height, factor, side, column, row)
    for size in info["sizes"]:
        yield f"full/{size['width']},{size['height']}", (size["width"], size["height"])
    yield "full/max", (info.get("maxWidth", width), info.get("maxHeight", height))


def iiif_tile(
    width: int, height: int, factor: int, side: int, column: int, row: int
) -> tuple[str, tuple[int, int]]:
    """One tile's region and size in the canonical form: `full` and `max` where they are the whole."""
    across, down = math.ceil(width / factor), math.ceil(height / factor)
    left, top = column * side * factor, row * side * factor
    region = (left, top, min(side * factor, width - left), min(side * factor, height - top))
    size = (min(side, across - column * side), min(side, down - row * side))
    where = "full" if region == (0, 0, width, height) else ",".join(map(str, region))
    how = "max" if size == (width, height) else f"{size[0]},{size[1]}"
    return f"{where}/{how}", size


def assert_there(path: Path, size: tuple[int, int]) -> None:
    assert path.is_file()
    found = pyvips.Image.new_from_file(str(path))
    assert (found.width, found.height) == size


@pytest.mark.parametrize(
    ("width", "height"), [*((side, 300) for side in NEAR_DZI), *((300, side) for side in NEAR_DZI), *SMALL]
)
def test_every_tile_that_a_deep_zoom_viewer_asks_for_is_there(
    tmp_path: Path, width: int, height: int
) -> None:
    folder = tiles_written(tmp_path / "out", PictureFormat.DZI, width, height)
    described = parse(folder / "plate 1.dzi").getroot()
    assert [described.get(name) for name in ("TileSize", "Overlap", "Format")] == ["254", "1", "jpg"]
    assert {name: int(value) for name, value in described[0].items()} == {"Width": width, "Height": height}
    asked = dict(dzi_requests(width, height))
    for name, size in asked.items():
        assert_there(folder / "plate 1_files" / name, size)
    assert len(tree_files(folder)) == len(asked) + 1


@pytest.mark.parametrize(
    ("width", "height"), [*((side, 300) for side in NEAR_IIIF), *((300, side) for side in NEAR_IIIF), *SMALL]
)
def test_every_file_that_an_iiif_viewer_asks_for_is_there(tmp_path: Path, width: int, height: int) -> None:
    folder = tiles_written(tmp_path / "out", PictureFormat.IIIF, width, height)
    info = json.loads((folder / "info.json").read_text())
    assert (info["width"], info["height"], info["profile"], info["id"]) == (
        width,
        height,
        "level0",
        "plate 1",
    )
    for name, size in iiif_requests(info):
        assert_there(folder / name / "0" / "default.jpg", size)


def test_sizes_go_from_a_thumbnail_to_what_a_page_shows() -> None:
    sizes = iiif_sizes(20_000, 10_001)
    assert sizes == [(157, 79), (313, 157), (625, 313), (1250, 626)]
    assert iiif_sizes(90, 40) == [(90, 40)]


def test_tiles_hold_the_picture(tmp_path: Path) -> None:
    shown = image(photo())
    for format, top in (
        (PictureFormat.DZI, "plate_files/7/0_0.jpg"),
        (PictureFormat.IIIF, "full/max/0/default.jpg"),
    ):
        folder = tmp_path / format
        write_tiles(shown, folder, format=format, name="plate", quality=95, container=Container.FOLDER)
        found = pyvips.Image.new_from_file(str(folder / top)).numpy()
        assert np.abs(found.astype(int) - photo()).mean() < 3


@pytest.mark.parametrize("format", [PictureFormat.DZI, PictureFormat.IIIF])
def test_a_zip_holds_the_folder_and_is_the_same_whenever_it_is_made(
    tmp_path: Path, format: PictureFormat
) -> None:
    folder = tiles_written(tmp_path / "out", format, 600, 300)
    zips = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for target in zips:
        write_tiles(
            picture(600, 300), target, format=format, name="plate 1", quality=50, container=Container.ZIP
        )
    assert zips[0].read_bytes() == zips[1].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip", "out"]
    with zipfile.ZipFile(zips[0]) as archive:
        archive.extractall(tmp_path / "back")
    assert tree_sha256(tmp_path / "back" / "plate 1") == tree_sha256(folder)


def test_a_folder_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    made = [tiles_written(tmp_path / name, PictureFormat.DZI, 600, 300) for name in ("a", "b")]
    assert tree_sha256(made[0]) == tree_sha256(made[1])


@pytest.mark.parametrize("name", ["a[Q=1]", "50% off", "ünï", "a.b.c"])
def test_any_name_becomes_a_folder_of_tiles(tmp_path: Path, name: str) -> None:
    write_tiles(
        picture(40, 30),
        tmp_path / "out",
        format=PictureFormat.DZI,
        name=name,
        quality=50,
        container=Container.FOLDER,
    )
    assert (tmp_path / "out" / f"{name}.dzi").is_file()
    assert (tmp_path / "out" / f"{name}_files" / "0" / "0_0.jpg").is_file()
