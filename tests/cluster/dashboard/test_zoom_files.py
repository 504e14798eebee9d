"""The file of a tile folder that shows all of the picture, in folders as they are really delivered."""

from pathlib import Path

import pytest
import pyvips
from PIL import Image

from giornata.cluster.dashboard.zoom_files import whole_file, zoom_file
from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.workers.encoding.pyramid import write_tiles


def tiled(folder: Path, format: PictureFormat, width: int = 1300, height: int = 900) -> Path:
    ramp = pyvips.Image.xyz(width, height)
    picture = ramp[0].bandjoin([ramp[1], ramp[0]]).cast("uchar").copy(interpretation="srgb")
    write_tiles(picture, folder, format=format, name="plate", quality=80, container=Container.FOLDER)
    return folder


def size(path: Path | None) -> tuple[int, int]:
    assert path is not None
    with Image.open(path) as picture:
        return picture.size


def test_a_deep_zoom_shows_its_largest_level_that_is_one_file(tmp_path: Path) -> None:
    folder = tiled(tmp_path / "plate", PictureFormat.DZI)
    assert zoom_file(folder) == "plate.dzi"
    assert size(whole_file(folder, side_px=800)) == (163, 113)
    assert size(whole_file(folder, side_px=100)) == (82, 57)


@pytest.mark.parametrize(("side_px", "expected"), [(100, (163, 113)), (192, (325, 225)), (2400, (1300, 900))])
def test_a_iiif_folder_shows_the_smallest_size_that_fills_the_place(
    tmp_path: Path, side_px: int, expected: tuple[int, int]
) -> None:
    folder = tiled(tmp_path / "plate", PictureFormat.IIIF)
    assert zoom_file(folder) == "info.json"
    assert size(whole_file(folder, side_px=side_px)) == expected


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"somebody else's")
    level = tmp_path / "plate" / "plate_files" / "8"
    level.mkdir(parents=True)
    (level / "0_0.jpg").symlink_to(tmp_path / "secret.jpg")
    assert whole_file(tmp_path / "plate", side_px=200) is None


def test_a_folder_without_tiles_shows_nothing(tmp_path: Path) -> None:
    assert whole_file(tmp_path, side_px=200) is None
    assert zoom_file(tmp_path) == ""
    assert zoom_file(tmp_path / "nothing") == ""
