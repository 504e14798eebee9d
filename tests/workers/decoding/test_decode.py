import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from giornata.workers.decoding.decode import UPRIGHT
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.source import Depth, RejectCode
from tests.workers.pictures import (
    Samples,
    built_in_profile,
    encoded,
    image,
    noise,
    photo,
    upright,
    with_orientation,
    with_profile,
    written,
)

Decode = Callable[[Path], tuple[Samples, Samples | None]]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    bits=st.sampled_from([8, 16]),
    seed=st.integers(0, 99),
)
def test_any_size_decodes_to_what_was_stored(
    decode: Decode, tmp_path: Path, width: int, height: int, bits: int, seed: int
) -> None:
    samples = noise(width=width, height=height, bands=4, bits=bits, seed=seed)
    image(samples).pngsave(tmp_path / "a.png", compression=1)
    pixels, alpha = decode(tmp_path / "a.png")
    assert np.array_equal(pixels, samples[:, :, :3])
    assert np.array_equal(alpha, samples[:, :, 3])  # type: ignore[arg-type]


@pytest.mark.parametrize("bands", [3, 4], ids=["opaque", "with alpha"])
@pytest.mark.parametrize("orientation", [1, *UPRIGHT])
def test_orientation_is_applied_once(decode: Decode, tmp_path: Path, orientation: int, bands: int) -> None:
    stored = noise(bands=bands)
    with_orientation(image(stored), orientation).tiffsave(tmp_path / "a.tif")
    pixels, alpha = decode(tmp_path / "a.tif")
    assert np.array_equal(pixels, upright(stored[:, :, :3], orientation))
    if bands == 4:
        assert alpha is not None
        assert np.array_equal(alpha, upright(stored[:, :, 3], orientation))


@pytest.mark.parametrize("orientation", [1, *UPRIGHT])
def test_a_phone_picture_stands_as_a_viewer_shows_it(
    decode: Decode, tmp_path: Path, orientation: int
) -> None:
    with_orientation(image(photo()), orientation).jpegsave(tmp_path / "a.jpg", Q=95)
    with Image.open(tmp_path / "a.jpg") as stored:
        shown = upright(np.asarray(stored), orientation)
    pixels, _ = decode(tmp_path / "a.jpg")
    assert pixels.shape == shown.shape
    assert np.abs(pixels.astype(int) - shown).max() <= 2  # two JPEG decoders may differ by rounding


def test_an_orientation_nobody_defined_counts_as_upright(decode: Decode, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    Image.fromarray(photo()).save(tmp_path / "a.jpg", exif=exif)
    assert decode(tmp_path / "a.jpg")[0].shape == photo().shape


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2], ids=["grey", "grey with alpha"])
def test_grey_becomes_three_equal_channels(decode: Decode, tmp_path: Path, bands: int, bits: int) -> None:
    samples = noise(bands=bands, bits=bits)
    image(samples).pngsave(tmp_path / "a.png")
    pixels, alpha = decode(tmp_path / "a.png")
    grey = samples if bands == 1 else samples[:, :, 0]
    assert np.array_equal(pixels, np.dstack([grey] * 3))
    assert (alpha is None) == (bands == 1)
    assert alpha is None or np.array_equal(alpha, samples[:, :, 1])


def test_a_palette_with_transparency_gives_its_colours(decode: Decode, tmp_path: Path) -> None:
    indexes = noise(bands=1) % 4
    picture = Image.frombytes("P", indexes.shape[::-1], indexes.tobytes())
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8)
    picture.putpalette(colours.ravel().tolist())
    picture.save(tmp_path / "a.png", transparency=bytes([255, 128, 0, 255]))
    pixels, alpha = decode(tmp_path / "a.png")
    assert np.array_equal(pixels, colours[indexes])
    assert np.array_equal(alpha, np.array([255, 128, 0, 255], np.uint8)[indexes])  # type: ignore[arg-type]


def test_a_bilevel_page_is_black_and_white(decode: Decode, tmp_path: Path) -> None:
    page = (noise(bands=1) > 128).astype(np.uint8) * 255
    image(page).tiffsave(tmp_path / "a.tif", bitdepth=1, compression="ccittfax4")
    assert np.array_equal(decode(tmp_path / "a.tif")[0], np.dstack([page] * 3))


@pytest.mark.parametrize("size", [(1, 1), (1, 80), (80, 1)])
def test_the_smallest_pictures_decode(decode: Decode, tmp_path: Path, size: tuple[int, int]) -> None:
    samples = noise(width=size[0], height=size[1])
    image(samples).pngsave(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png")[0], samples)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "gif", "avif"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_half_a_file_is_never_taken_for_a_picture(
    sandbox: Sandbox, tmp_path: Path, format: str, share: float
) -> None:
    data = encoded(format)
    path = written(tmp_path / "half", data[: int(len(data) * share)])
    with pytest.raises(Rejected) as caught:
        sandbox.decode(path, tmp_path / "scratch")
    assert caught.value.args[1] is RejectCode.TRUNCATED
    assert list((tmp_path / "scratch").glob("*")) == []


def test_a_damaged_png_is_corrupt(sandbox: Sandbox, tmp_path: Path) -> None:
    data = bytearray(encoded("png"))
    data[len(data) // 2] ^= 0x55
    with pytest.raises(Rejected) as caught:
        sandbox.decode(written(tmp_path / "a.png", bytes(data)), tmp_path / "scratch")
    assert caught.value.args[1] is RejectCode.CORRUPT


def test_the_source_profile_is_kept_beside_the_pixels(sandbox: Sandbox, tmp_path: Path) -> None:
    with_profile(image(photo()), built_in_profile("p3")).pngsave(tmp_path / "a.png")
    picture = sandbox.decode(tmp_path / "a.png", tmp_path / "scratch")
    assert picture.profile_path is not None
    assert picture.profile_path.read_bytes() == built_in_profile("p3")


def test_the_memory_maps_are_read_only(sandbox: Sandbox, tmp_path: Path) -> None:
    picture = sandbox.decode(written(tmp_path / "a.png", encoded("png")), tmp_path / "scratch")
    assert picture.depth is Depth.UINT8
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 0


def test_the_header_is_what_numpy_itself_writes(sandbox: Sandbox, tmp_path: Path) -> None:
    samples = noise(bits=16)
    image(samples).pngsave(tmp_path / "a.png")
    picture = sandbox.decode(tmp_path / "a.png", tmp_path / "scratch")
    expected = io.BytesIO()
    np.save(expected, samples)
    assert picture.pixels_path.read_bytes() == expected.getvalue()


def careless_tiff() -> bytes:
    """A TIFF whose date does not end as it should: half of all scanners' programs write such tags."""
    file = io.BytesIO()
    tifffile.imwrite(file, noise(), photometric="rgb", datetime="2020:01:01 00:00:00")
    return file.getvalue().replace(b"2020:01:01 00:00:00\0", b"2020:01:01 00:00:00A")


def test_a_careless_tag_costs_no_picture_and_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    picture = sandbox.decode(written(tmp_path / "a.tif", careless_tiff()), tmp_path / "scratch")
    assert np.array_equal(picture.pixels, noise())
    assert len(picture.facts.warnings) == 1
    assert "DateTime" in picture.facts.warnings[0]


def test_a_damaged_fax_page_is_refused_though_its_decoder_only_warns(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    page = (noise(bands=1, width=256, height=256) > 230).astype(np.uint8) * 255
    data = bytearray(image(page).tiffsave_buffer(bitdepth=1, compression="ccittfax4"))
    refused = 0
    for at in range(200, 3000, 100):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        try:
            sandbox.decode(written(tmp_path / "a.tif", bytes(damaged)), tmp_path / "scratch")
        except Rejected as error:
            assert error.args[1] in (RejectCode.CORRUPT, RejectCode.TRUNCATED)
            refused += 1
    assert refused >= 24  # of 28: a flipped bit may make another valid code
