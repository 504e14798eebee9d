"""Faults around a JPEG's scans are put right and told; faults within them are refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.formats.jpeg import MOST_STRAY_BYTES, tidy
from giornata.workers.source import RejectCode
from tests.workers import hostile
from tests.workers.pictures import Samples, encoded, image, photo, written

JFIF_9 = b"JFIF\0\x09\x01\0\0\1\0\1\0\0"
ADOBE_7 = b"Adobe\0\x64\0\0\0\0\x07"


def pixels(sandbox: Sandbox, folder: Path, data: bytes) -> tuple[Samples, tuple[str, ...]]:
    picture = sandbox.decode(written(folder / "a.jpg", data), folder / "scratch")
    return np.array(picture.pixels), picture.facts.warnings


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(hostile.jpeg_with_stray(bytes(16)), "16 stray bytes", id="zeros"),
        pytest.param(
            hostile.jpeg_with_stray(b"\xff\x00\x00\x02"), "4 stray bytes", id="a marker that is none"
        ),
        pytest.param(hostile.jpeg_with_stray(b"ab" * 20), "40 stray bytes", id="text"),
        pytest.param(hostile.jpeg_with(JFIF_9, marker=0xE0), "JFIF revision 9", id="unknown JFIF"),
        pytest.param(hostile.jpeg_with(ADOBE_7, marker=0xEE), "transform 7", id="unknown Adobe"),
    ],
)
def test_a_careless_header_is_read_and_told(
    sandbox: Sandbox, tmp_path: Path, data: bytes, words: str
) -> None:
    wanted, none = pixels(sandbox, tmp_path, encoded("jpeg"))
    got, warnings = pixels(sandbox, tmp_path, data)
    assert none == ()
    assert words in warnings[0]
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encoded("jpeg"), id="good"),
        pytest.param(hostile.jpeg_with_stray(b"\xff" * 9), id="fill bytes are no fault"),
        pytest.param(hostile.jpeg_with(b"Exif\0\0garbage", marker=0xE1), id="an EXIF block of garbage"),
        pytest.param(
            hostile.jpeg_with(b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40, marker=0xE1),
            id="EXIF that lies",
        ),
        pytest.param(encoded("jpeg") + b"PK\3\4" + bytes(200), id="something behind it"),
        pytest.param(encoded("jpeg")[:-2] + bytes(40) + b"\xff\xd9", id="padding at the end"),
    ],
)
def test_what_harms_nothing_needs_no_word(sandbox: Sandbox, tmp_path: Path, data: bytes) -> None:
    wanted, _ = pixels(sandbox, tmp_path, encoded("jpeg"))
    got, warnings = pixels(sandbox, tmp_path, data)
    assert np.array_equal(got, wanted)
    assert [words for words in warnings if "EXIF" not in words] == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(hostile.jpeg_with_stray(bytes(MOST_STRAY_BYTES + 1)), id="more than a slip"),
        pytest.param(hostile.jpeg_with_stray(bytes(9))[: len(encoded("jpeg")) * 2 // 3], id="and cut off"),
        pytest.param(hostile.jpeg_with_a_hole(), id="a hole in the scan"),
        pytest.param(hostile.jpeg_with_stray(b"\xff\xd8"), id="a second beginning"),
    ],
)
def test_what_may_have_lost_samples_is_refused(sandbox: Sandbox, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        pixels(sandbox, tmp_path, data)
    assert caught.value.args[1] in (RejectCode.CORRUPT, RejectCode.TRUNCATED)


@pytest.mark.parametrize("cut", range(0, 700, 7))
def test_a_header_that_ends_anywhere_is_left_to_the_decoder(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path / "a.jpg", hostile.jpeg_with_stray(bytes(5))[:cut])
    descriptor = os.open(path, os.O_RDONLY)
    try:
        tidy(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_tidied_file_is_read_to_its_end_and_not_beyond(
    sandbox: Sandbox, tmp_path: Path, progressive: bool
) -> None:
    data = bytes(image(photo()).jpegsave_buffer(interlace=progressive))
    at = data.index(b"\xff\xdb")
    wanted, _ = pixels(sandbox, tmp_path, data)
    got, warnings = pixels(sandbox, tmp_path, data[:at] + b"xyz" + data[at:])
    assert np.array_equal(got, wanted)
    assert warnings == ("3 stray bytes in the header were skipped",)


def test_the_photographs_and_scans_of_the_test_data_are_all_read(
    sandbox: Sandbox, test_data: Path, tmp_path: Path
) -> None:
    """Every tenth, headers first and then samples: the rule must not cost a good picture."""
    found = [
        path
        for name in ("photos", "scans", "odd/exif")
        for path in sorted((test_data / name).rglob("*.jp*g"))
    ]
    if not found:
        pytest.skip("no photographs in the test data")
    for path in found[::10]:
        picture = sandbox.decode(path, tmp_path / "scratch")
        assert picture.facts.warnings == (), path
