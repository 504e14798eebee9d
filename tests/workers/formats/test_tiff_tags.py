from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile

from giornata.workers.formats.exif import NO_TAGS
from giornata.workers.formats.tiff_tags import add_tags
from tests.workers.blocks import agency_iptc, camera_tags
from tests.workers.pictures import image, photo


def tags_of(path: Path) -> dict[int, object]:
    with tifffile.TiffFile(path) as tiff:
        return {tag.code: tag.value for tag in tiff.pages.first.tags}  # type: ignore[union-attr]


@pytest.mark.parametrize("big", [False, True], ids=["classic", "BigTIFF"])
@pytest.mark.parametrize("pyramid", [False, True], ids=["plain", "pyramid"])
def test_tags_are_added_and_pixels_stay(tmp_path: Path, big: bool, pyramid: bool) -> None:
    path = tmp_path / "a.tif"
    how = (
        {"tile": True, "tile_width": 64, "tile_height": 64, "pyramid": True, "subifd": True}
        if pyramid
        else {}
    )
    image(photo()).tiffsave(path, bigtiff=big, compression="deflate", **how)
    before = tags_of(path)
    add_tags(path, camera_tags(), iptc=agency_iptc())
    after = tags_of(path)
    assert (after[271], after[272], after[315], after[33_432]) == ("Phase", "One", "Ada", "(c) Ada")
    assert after[34_665] == {"DateTimeOriginal": "2019:01:02 03:04:05", "PixelXDimension": 9}
    assert after[34_853]["GPSLatitude"] == (52, 1, 30, 1, 1, 2)  # type: ignore[index]
    assert after[33_723] == agency_iptc()
    assert before.items() - {274: 1}.items() <= {k: v for k, v in after.items() if k in before}.items()
    assert np.array_equal(pyvips.Image.new_from_file(str(path), fail_on="warning").numpy(), photo())
    if pyramid:
        assert pyvips.Image.new_from_file(str(path), subifd=0, fail_on="warning").width == 48


def test_a_tag_that_is_there_is_replaced_and_no_tags_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    image(photo()).tiffsave(path)
    written = path.read_bytes()
    add_tags(path, NO_TAGS, iptc=None)
    assert path.read_bytes() == written
    add_tags(path, camera_tags(), iptc=None)
    add_tags(path, camera_tags(), iptc=None)
    with tifffile.TiffFile(path) as tiff:
        codes = [tag.code for tag in tiff.pages.first.tags]  # type: ignore[union-attr]
        assert len(tiff.pages) == 1
    assert len(codes) == len(set(codes))
    assert codes == sorted(codes)


def test_what_is_no_tiff_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"MM\0*" + bytes(20))
    with pytest.raises(OSError, match="not a little-endian TIFF"):
        add_tags(tmp_path / "a.tif", camera_tags(), iptc=None)
