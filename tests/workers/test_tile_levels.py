from pathlib import Path

import pytest
from PIL import Image

from giornata.jobs.choices import Container, PictureFormat
from giornata.jobs.places import LocalPlace
from giornata.workers.deepzoom import write_tiles
from giornata.workers.tile_levels import small_copy
from tests.workers.pictures import image, noise


@pytest.mark.parametrize("format", [PictureFormat.DZI, PictureFormat.IIIF])
@pytest.mark.parametrize("size", [(1200, 700), (254, 254), (255, 90), (33, 21), (3000, 40)])
def test_a_small_copy_shows_the_whole_picture(
    tmp_path: Path, format: PictureFormat, size: tuple[int, int]
) -> None:
    width, height = size
    folder = tmp_path / "page"
    picture = image(noise(width=width, height=height))
    write_tiles(
        picture, folder, format=format, name="p.1", quality=80, container=Container.FOLDER, address=None
    )
    name = small_copy(LocalPlace(), str(folder), format, side_px=200)
    assert name is not None
    with Image.open(name) as small:
        assert small.width / small.height == pytest.approx(width / height, rel=0.2)
        assert min(max(size), 100) <= max(small.size) <= 600


@pytest.mark.parametrize("format", [PictureFormat.DZI, PictureFormat.IIIF, PictureFormat.PNG])
def test_where_there_are_no_tiles_there_is_no_small_copy(tmp_path: Path, format: PictureFormat) -> None:
    assert small_copy(LocalPlace(), str(tmp_path), format, side_px=200) is None
