import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.storage.local import LocalStore
from giornata.workers.encoding.pyramid import small_copy, write_tiles
from tests.support.fakes import RecordingStore
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
    data = small_copy(LocalStore(), str(target), side_px=200)
    assert data is not None
    with Image.open(BytesIO(data)) as small:
        assert small.width / small.height == pytest.approx(width / height, rel=0.2)
        assert min(max(size), 100) <= max(small.size) <= 600


def test_where_there_are_no_tiles_there_is_no_small_copy(tmp_path: Path) -> None:
    assert small_copy(LocalStore(), str(tmp_path), side_px=200) is None
    assert small_copy(LocalStore(), str(tmp_path / "gone.zip"), side_px=200) is None
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("words.txt", "no picture")
    assert small_copy(LocalStore(), str(tmp_path / "other.zip"), side_px=200) is None
    (tmp_path / "words.zip").write_text("no zip")
    assert small_copy(LocalStore(), str(tmp_path / "words.zip"), side_px=200) is None


def test_of_a_large_zip_its_directory_and_one_picture_are_read(tmp_path: Path) -> None:
    target = tmp_path / "page.zip"
    write_tiles(
        image(noise(width=3000, height=2000)),
        target,
        format=PictureFormat.DZI,
        name="p",
        quality=95,
        container=Container.ZIP,
    )
    store = RecordingStore()
    assert small_copy(store, str(target), side_px=200) is not None
    assert sum(end - start for start, end in store.ranges) < target.stat().st_size / 4
    assert len(store.ranges) <= 6


def test_a_zip_that_claims_a_directory_of_gigabytes_is_no_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("words.txt", "no picture")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[-10:-6] = (0xF0000000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    store = RecordingStore()
    assert small_copy(store, str(tmp_path / "a.zip"), side_px=200) is None
    assert sum(end - start for start, end in store.ranges) <= len(data)
