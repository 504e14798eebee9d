import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.storage.local import LocalPlace
from giornata.workers.encoding.pyramid import small_copy, write_tiles
from tests.workers.pictures import image, noise


@pytest.mark.parametrize("container", list(Container))
@pytest.mark.parametrize("format", [PictureFormat.DZI, PictureFormat.IIIF])
@pytest.mark.parametrize("size", [(1200, 700), (254, 254), (255, 90), (33, 21), (3000, 40)])
def test_a_small_copy_shows_the_whole_picture(
    tmp_path: Path, format: PictureFormat, size: tuple[int, int], container: Container
) -> None:
    width, height = size
    target = tmp_path / ("page.zip" if container is Container.ZIP else "page")
    picture = image(noise(width=width, height=height))
    write_tiles(picture, target, format=format, name="p.1", quality=80, container=container, address=None)
    data = small_copy(LocalPlace(), str(target), side_px=200)
    assert data is not None
    with Image.open(BytesIO(data)) as small:
        assert small.width / small.height == pytest.approx(width / height, rel=0.2)
        assert min(max(size), 100) <= max(small.size) <= 600


def test_where_there_are_no_tiles_there_is_no_small_copy(tmp_path: Path) -> None:
    assert small_copy(LocalPlace(), str(tmp_path), side_px=200) is None
    assert small_copy(LocalPlace(), str(tmp_path / "gone.zip"), side_px=200) is None
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("words.txt", "no picture")
    assert small_copy(LocalPlace(), str(tmp_path / "other.zip"), side_px=200) is None
    (tmp_path / "words.zip").write_text("no zip")
    assert small_copy(LocalPlace(), str(tmp_path / "words.zip"), side_px=200) is None
