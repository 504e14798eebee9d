from pathlib import Path

import pytest
import tifffile

from giornata.workers.tiff_pages import full_size_pages
from tests.workers.pictures import noise


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True], ids=["classic", "big"])
def test_reduced_copies_are_not_counted(tmp_path: Path, byteorder: str, bigtiff: bool) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff, byteorder=byteorder) as file:
        for kind in (0, 1, 0, 1, 2):
            file.write(noise(), photometric="rgb", subfiletype=kind)
    with (tmp_path / "a.tif").open("rb") as file:
        assert full_size_pages(file.fileno()) == 3


def test_a_directory_that_leads_back_to_itself_ends(tmp_path: Path) -> None:
    loop = b"II*\0" + (8).to_bytes(4, "little") + (0).to_bytes(2, "little") + (8).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(loop)
    with (tmp_path / "a.tif").open("rb") as file:
        assert full_size_pages(file.fileno()) > 1
