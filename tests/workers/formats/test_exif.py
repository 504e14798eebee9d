import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from giornata.workers.formats.exif import NO_TAGS, exif_block, read_tags
from tests.workers.blocks import camera_exif, camera_tags


def test_what_is_written_is_read() -> None:
    found = read_tags(camera_exif())
    pointers = {34_665, 34_853}
    assert {tag: entry for tag, entry in found.main.items() if tag not in pointers} == camera_tags().main
    assert (found.exif, found.gps) == (camera_tags().exif, camera_tags().gps)


def test_others_read_what_is_written() -> None:
    exif = Image.Exif()
    exif.load(camera_exif())
    assert (exif[271], exif[33_432]) == ("Phase", "(c) Ada")
    assert exif.get_ifd(34_665)[36_867] == "2019:01:02 03:04:05"
    assert exif.get_ifd(34_853)[2] == (52.0, 30.0, 0.5)


def test_big_endian_blocks_of_others_are_read() -> None:
    exif = Image.Exif()
    exif[271], exif[274], exif[282] = "Phase", 6, 300.5
    saved = io.BytesIO()
    Image.new("L", (1, 1)).save(saved, "JPEG", exif=exif)
    block = exif.tobytes()[6:]
    assert block[:2] == b"MM"
    found = read_tags(block).main
    assert found[271].text == "Phase"
    assert struct.unpack("<H", found[274].data) == (6,)
    across, by = struct.unpack("<II", found[282].data)
    assert across / by == 300.5


@pytest.mark.parametrize("block", [b"", b"II", b"XX*\0" + bytes(60), b"II*\0" + b"\xff" * 60])
def test_what_is_no_block_has_no_tags(block: bytes) -> None:
    assert read_tags(block) == NO_TAGS


def test_nothing_makes_no_block() -> None:
    assert exif_block(NO_TAGS) == b""


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(camera_exif()) - 1), to=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_damaged_block_never_raises(at: int, to: int, cut: int) -> None:
    block = bytearray(camera_exif())
    block[at] = to
    exif_block(read_tags(bytes(block)[: len(block) - cut]))
