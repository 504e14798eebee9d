from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.workers.tiling.arrays import (
    BAND_PX,
    bands,
    create_array,
    mirrored,
    read_box,
    reduced,
    release_pages,
    releasing_pages,
    to_depth,
    to_float,
    written_rows,
)
from giornata.workers.tiling.grid import Box
from tests.workers.pictures import noise


@given(st.integers(0, 5_000), st.integers(1, 4 * BAND_PX))
def test_bands_cover_all_rows_once_and_in_order(height: int, width: int) -> None:
    rows = list(bands(height, width))
    ends = [0, *(band.stop for band in rows)]
    assert [(band.start, band.stop) for band in rows] == list(pairwise(ends))
    assert ends[-1] == height
    assert all((band.stop - band.start) * width <= max(BAND_PX, width) for band in rows)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_every_depth_goes_to_float_and_back(dtype: str) -> None:
    top = np.iinfo(dtype).max
    codes = np.array([0, 1, 127, top // 3, top - 1, top], dtype)
    floats = to_float(codes)
    assert (floats.dtype, floats.min(), floats.max()) == (np.float32, 0, 1)
    if dtype != "uint32":  # float32 has 24 bits
        assert np.array_equal(to_depth(floats, np.dtype(dtype)), codes)
    outside = np.array([-1, 2], np.float32)
    assert to_depth(outside, np.dtype("float32")).tolist() == [0, 1]
    assert to_depth(outside, np.dtype("uint8")).tolist() == [0, 255]


@given(st.integers(1, 40), st.integers(0, 60))
def test_a_mirror_repeats_the_edge_as_numpys_padding_does(length: int, beyond: int) -> None:
    line = np.arange(length)
    assert np.array_equal(line[mirrored(0, length + beyond, length)], np.pad(line, (0, beyond), "symmetric"))


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 30), st.integers(1, 30))
def test_a_box_beyond_the_picture_is_mirrored(top: int, left: int, height: int, width: int) -> None:
    pixels = noise(width=13, height=11, bands=3, bits=8, seed=1)
    padded = np.pad(pixels, ((0, 60), (0, 60), (0, 0)), "symmetric")
    box = Box(min(top, 10), min(left, 12), min(top, 10) + height, min(left, 12) + width)
    expected = padded[box.top : box.bottom, box.left : box.right].astype(np.float32) / np.float32(255)
    assert np.array_equal(read_box(pixels, box), expected)


def test_a_picture_is_written_band_by_band_and_read_only_after_that(tmp_path: Path) -> None:
    pixels = noise(width=1_500, height=900, bands=3, bits=8, seed=2)
    (tmp_path / "a.npy").write_bytes(b"what was there before")
    ticks = list[int]()
    made = written_rows(
        tmp_path / "a.npy", pixels.shape, np.uint8, lambda band: pixels[band], tick=lambda: ticks.append(1)
    )
    assert np.array_equal(made, pixels)
    assert not made.flags.writeable
    assert len(ticks) == len(list(bands(900, 1_500))) > 1


def test_what_was_written_is_kept_when_its_pages_go(tmp_path: Path) -> None:
    pixels = create_array(tmp_path / "a.npy", (64, 64, 3), np.uint16)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= pixels.nbytes  # its space is taken at once
    with releasing_pages(pixels):
        pixels[:] = 7
    release_pages(pixels, None, np.zeros(3))
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.full((64, 64, 3), 7, np.uint16))


def test_pages_go_and_ticks_come_while_foreign_code_reads(tmp_path: Path) -> None:
    pixels = create_array(tmp_path / "a.npy", (8, 8, 3), np.uint8)
    ticked = list[int]()
    with releasing_pages(pixels, None, tick=lambda: ticked.append(1)):
        while not ticked:
            pass
    count = len(ticked)
    assert count >= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_a_picture_is_reduced_to_its_long_side_and_never_enlarged(bits: int) -> None:
    flat = np.full((60, 90, 3), 100, f"uint{bits}")
    small = reduced(flat, 30)
    assert small.shape == (20, 30, 3)
    assert small == pytest.approx(to_float(flat)[:20, :30], abs=1 / 255)
    assert np.array_equal(reduced(flat, 90), to_float(flat))
