from pathlib import Path

import pytest
import tifffile

from giornata.jobs.planning.tiff import from_descriptor, read_pages
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.decoding.tiff_checks import first_damage
from giornata.workers.errors import Rejected
from giornata.workers.source import RejectCode
from tests.workers.pictures import image, noise, photo

WAYS = {
    "strips": {},
    "tiles": {"tile": True, "tile_width": 32, "tile_height": 32},
    "predictor": {"predictor": "horizontal"},
    "big": {"bigtiff": True},
    "pyramid": {"tile": True, "tile_width": 32, "tile_height": 32, "pyramid": True},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_flipped_byte_in_deflated_samples_is_noticed(
    sandbox: Sandbox, tmp_path: Path, way: str
) -> None:
    path = tmp_path / "a.tif"
    image(photo()).tiffsave(path, compression="deflate", **WAYS[way])
    sandbox.decode(path, tmp_path / "scratch")
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        start, length = page.dataoffsets[-1], page.databytecounts[-1]
    data = bytearray(path.read_bytes())
    for at in range(start, start + length, max(1, length // 12)):
        damaged = bytearray(data)
        damaged[at] ^= 0x21
        path.write_bytes(damaged)
        with pytest.raises(Rejected) as caught:
            sandbox.decode(path, tmp_path / "scratch")
        assert caught.value.args[1] is RejectCode.CORRUPT


def test_a_file_without_sums_has_no_damage_to_find(tmp_path: Path) -> None:
    image(noise()).tiffsave(tmp_path / "a.tif", compression="lzw")
    with (tmp_path / "a.tif").open("rb") as file:
        assert first_damage(read_pages(from_descriptor(file.fileno()))[0]) == ""
