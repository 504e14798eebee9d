import struct
from pathlib import Path

import pytest
import tifffile

from giornata.jobs.planning.tiff import (
    ASSOCIATED_ALPHA,
    BITS,
    EXTRA_SAMPLES,
    TILE_WIDTH,
    WIDTH,
    from_descriptor,
    full_size_pages,
    read_pages,
)
from tests.workers.pictures import noise


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True], ids=["classic", "big"])
def test_reduced_copies_are_not_counted(tmp_path: Path, byteorder: str, bigtiff: bool) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff, byteorder=byteorder) as file:
        for kind in (0, 1, 0, 1, 2):
            file.write(noise(), photometric="rgb", subfiletype=kind)
    with (tmp_path / "a.tif").open("rb") as file:
        assert full_size_pages(from_descriptor(file.fileno())) == 3


def test_a_directory_that_leads_back_to_itself_ends(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(), photometric="rgb")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    first = int.from_bytes(data[4:8], "little")
    last = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[last : last + 4] = data[4:8]
    (tmp_path / "a.tif").write_bytes(data)
    with (tmp_path / "a.tif").open("rb") as file:
        assert full_size_pages(from_descriptor(file.fileno())) == 1


def test_a_directory_without_a_size_is_no_page(tmp_path: Path) -> None:
    """Embedded signatures are stored so."""
    tifffile.imwrite(tmp_path / "a.tif", noise(), photometric="rgb")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    first = int.from_bytes(data[4:8], "little")
    last = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[last : last + 4] = len(data).to_bytes(4, "little")
    data += struct.pack("<HHHIII", 1, 52_545, 7, 4, 0, 0)
    (tmp_path / "a.tif").write_bytes(data)
    with (tmp_path / "a.tif").open("rb") as file:
        assert full_size_pages(from_descriptor(file.fileno())) == 1


@pytest.mark.parametrize("bigtiff", [False, True], ids=["classic", "big"])
def test_a_tag_is_read_wherever_its_values_lie(tmp_path: Path, bigtiff: bool) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff) as file:
        file.write(noise(bands=4), photometric="rgb", extrasamples=["assocalpha"], software="a" * 40)
    with (tmp_path / "a.tif").open("rb") as file:
        (page,) = read_pages(from_descriptor(file.fileno()))
        assert page.values(BITS) == (8, 8, 8, 8)
        assert page.value(EXTRA_SAMPLES, 0) == ASSOCIATED_ALPHA
        assert page.value(WIDTH, 0) == 33
        assert page.data(305, most=100) == b"a" * 40 + b"\0"
        assert page.values(305) == ()
        assert page.value(TILE_WIDTH, -1) == -1
