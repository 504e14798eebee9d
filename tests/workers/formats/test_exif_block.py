import os
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from giornata.jobs.planning.tiff import TiffPage, from_descriptor, read_directory, read_pages
from giornata.workers.formats.exif import (
    EXIF_POINTER,
    GPS_POINTER,
    UNDEFINED,
    ExifEntry,
    exif_block,
    read_tags,
)
from giornata.workers.formats.exif_block import MAKER_NOTE, PNG_KEYWORDS, exif_of_texts, exif_of_tiff
from tests.workers.blocks import camera_tags

TITLE, ARTIST, TAKEN = 270, 315, 36_867


def block_of(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return exif_of_tiff(read_pages(from_descriptor(descriptor))[0])
    finally:
        os.close(descriptor)


def test_the_tags_that_tell_of_a_picture_become_a_block_that_others_read() -> None:
    tags = camera_tags()
    note = ExifEntry(MAKER_NOTE, UNDEFINED, 20, b"points into the file")
    given = exif_block(replace(tags, exif={**tags.exif, MAKER_NOTE: note}))

    def read(offset: int, length: int) -> bytes:
        return given[offset : offset + length]

    entries, _ = read_directory(read, 8)
    block = exif_of_tiff(TiffPage(read, "<", 0, entries))
    ours = read_tags(block)
    assert (ours.exif, ours.gps) == (tags.exif, tags.gps)
    pointers = {EXIF_POINTER, GPS_POINTER}
    assert set(ours.main) - pointers == {271, 272, 306, 315, 33_432}
    assert all(ours.main[tag] == tags.main[tag] for tag in set(ours.main) - pointers)
    theirs = Image.Exif()
    theirs.load(block)
    assert (theirs[ARTIST], theirs.get_ifd(ExifTags.IFD.GPSInfo)[1]) == ("Ada", "N")
    assert theirs.get_ifd(ExifTags.IFD.Exif)[TAKEN] == "2019:01:02 03:04:05"


def test_a_block_keeps_the_byte_order_of_its_file(tmp_path: Path) -> None:
    title = b"A wave\0"
    entries = [(256, 3, 1, (1).to_bytes(2, "big") + bytes(2)), (257, 3, 1, (1).to_bytes(2, "big") + bytes(2))]
    entries.append((TITLE, 2, len(title), (8 + 2 + 3 * 12 + 4).to_bytes(4, "big")))
    table = b"".join(
        tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + count.to_bytes(4, "big") + where
        for tag, kind, count, where in entries
    )
    head = b"MM\0*" + (8).to_bytes(4, "big") + len(entries).to_bytes(2, "big")
    (tmp_path / "a.tif").write_bytes(head + table + bytes(4) + title)
    block = block_of(tmp_path / "a.tif")
    assert block.startswith(b"MM\0*")
    assert read_tags(block).main[TITLE].text == "A wave"


def test_a_tiff_that_says_nothing_has_no_block(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.tif")
    assert block_of(tmp_path / "a.tif") == b""


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)


@given(st.dictionaries(st.sampled_from([*PNG_KEYWORDS, "Comment"]), texts))
def test_the_texts_of_a_png_are_read_again(given: dict[str, str]) -> None:
    block = exif_of_texts(given)
    expected = {tag: given[key].strip() for key, tag in PNG_KEYWORDS.items() if given.get(key)}
    assert {tag: entry.text for tag, entry in read_tags(block).main.items()} == expected
    assert bool(block) is bool(expected)
