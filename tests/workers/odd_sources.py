"""How the odd sources of `test_cases` are made, and what is looked at in what becomes of them."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from giornata.jobs.spec.enums import Pages
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.source import Depth
from tests.workers.pictures import (
    Samples,
    built_in_profile,
    image,
    noise,
    photo,
    upright,
    with_profile,
    written,
)

OK, WARNED = "ok", "ok_with_warnings"
PLAIN = DecodeOptions()
FIRST = DecodeOptions(pages=Pages.FIRST)
RANGED = DecodeOptions(float_range=(0, 100))
ROOMY = DecodeOptions(limits=Limits(bomb_pixels=10**10, max_pixels=10**10))


@dataclass(frozen=True)
class Case:
    """`make` writes the file into a folder; `words` are in the reason or the warnings."""

    number: int
    title: str
    make: Callable[[Path], Path]
    verdict: str
    words: str = ""
    reading: DecodeOptions = PLAIN
    check: Callable[[DecodedImage], None] | None = None
    header_only: bool = False  # too large to decode here


def holding(name: str, data: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    """Writes `data`, made when the test runs, under `name`."""
    return lambda folder: written(folder / name, data() if callable(data) else data)


def by_vips(name: str, picture: Callable[[], Any], **how: Any) -> Callable[[Path], Path]:
    """Writes a picture by libvips."""

    def make(folder: Path) -> Path:
        picture().write_to_file(folder / name, **how)
        return folder / name

    return make


def by_tifffile(samples: Callable[[], Samples], **how: Any) -> Callable[[Path], Path]:
    """Writes samples as TIFF, exactly as told."""

    def make(folder: Path) -> Path:
        tifffile.imwrite(folder / "a.tif", samples(), **how)
        return folder / "a.tif"

    return make


def by_pillow(name: str, picture: Callable[[], Image.Image], **how: Any) -> Callable[[Path], Path]:
    """Writes a picture by Pillow."""

    def make(folder: Path) -> Path:
        picture().save(folder / name, **how)
        return folder / name

    return make


def pages(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "a.tif") as file:
        for shift in (0, 8, 16):
            file.write(photo()[:, shift : shift + 40], photometric="rgb")
    return folder / "a.tif"


def pyramid(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "a.tif") as file:
        file.write(photo(), photometric="rgb")
        file.write(photo()[::2, ::2], photometric="rgb", subfiletype=1)
    return folder / "a.tif"


def turned_by_99() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 99
    file = io.BytesIO()
    Image.fromarray(photo()).save(file, "JPEG", exif=exif)
    return file.getvalue()


def palette() -> Image.Image:
    picture = Image.frombytes("P", (33, 21), (noise(bands=1) % 4).tobytes())
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7])
    return picture


def inks(bits: int = 8) -> Any:
    return image(noise(bands=4, bits=bits), interpretation="cmyk")


def tagged(picture: Callable[[], Any], profile: str) -> Callable[[], Any]:
    return lambda: with_profile(picture(), built_in_profile(profile))


def lab(kind: type, colour: tuple[float, ...]) -> Callable[[], Samples]:
    """A field of one colour in the numbers that TIFF stores for it."""
    return lambda: (np.zeros((8, 8, len(colour)), np.int64) + np.array(colour)).astype(kind)


def same(samples: Callable[[], Samples]) -> Callable[[DecodedImage], None]:
    """The pixels are these."""

    def check(picture: DecodedImage) -> None:
        assert picture.depth == samples().dtype.name
        assert np.array_equal(picture.pixels, samples())

    return check


def grey(samples: Callable[[], Samples]) -> Callable[[DecodedImage], None]:
    """All three channels are these."""
    return same(lambda: np.dstack([samples()] * 3))


def facts(**wanted: Any) -> Callable[[DecodedImage], None]:
    """The facts say so."""

    def check(picture: DecodedImage) -> None:
        assert {name: getattr(picture.facts, name) for name in wanted} == wanted

    return check


def one_colour(*wanted: int, within: int = 2) -> Callable[[DecodedImage], None]:
    """The pixel in the corner is 16-bit sRGB of this colour, given in 8 bits."""

    def check(picture: DecodedImage) -> None:
        assert picture.depth is Depth.UINT16
        assert np.abs(picture.pixels[0, 0] / 257 - wanted).max() <= within

    return check


def both(*checks: Callable[[DecodedImage], None]) -> Callable[[DecodedImage], None]:
    def check(picture: DecodedImage) -> None:
        for each in checks:
            each(picture)

    return check


def with_alpha(picture: DecodedImage) -> None:
    assert picture.alpha is not None
    assert len(np.unique(picture.alpha)) > 2


def no_larger_than(side: int) -> Callable[[DecodedImage], None]:
    def check(picture: DecodedImage) -> None:
        assert max(picture.width, picture.height) <= side

    return check


def ramp() -> Samples:
    """0 to 100 in float32, which is declared so, with a few values beyond and one that is no number."""
    samples = np.linspace(0, 100, 64, dtype=np.float32).reshape(8, 8)
    samples[0, 0], samples[7, 7], samples[0, 1] = -5, 200, np.nan
    return samples


def ramp_was_mapped(picture: DecodedImage) -> None:
    wanted = np.rint(np.nan_to_num(ramp().clip(0, 100)) / 100 * 65_535)
    assert np.abs(picture.pixels[..., 0] - wanted).max() <= 1
    assert picture.facts.float_range == (0, 100)


def turned(picture: DecodedImage) -> None:
    assert np.array_equal(picture.pixels, upright(noise(), 6))


def half_transparent() -> Samples:
    return np.dstack([np.full((4, 4, 3), 100, np.uint8), np.full((4, 4), 128, np.uint8)])


def unpremultiplied(picture: DecodedImage) -> None:
    assert picture.facts.premultiplied
    assert picture.alpha is not None
    assert (picture.pixels[0, 0].tolist(), picture.alpha[0, 0]) == ([199, 199, 199], 128)


def colours_near_a_photograph(picture: DecodedImage) -> None:
    assert np.abs(picture.pixels.astype(int) - photo()).mean() < 8


def alpha_is(picture: DecodedImage, wanted: int) -> None:
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == wanted


def truncated_tiff() -> bytes:
    """The directory comes first here, so that only samples are missing."""
    file = io.BytesIO()
    tifffile.imwrite(file, photo(), photometric="rgb")
    return file.getvalue()[:-5000]


def with_compression(scheme: int) -> bytes:
    data = bytearray(image(photo()).tiffsave_buffer())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages.first.tags["Compression"].valueoffset
    data[at : at + 2] = scheme.to_bytes(2, "little")
    return bytes(data)


def with_large_xmp(folder: Path) -> Path:
    packet = b"<x>" + b"a" * 90_000
    tifffile.imwrite(
        folder / "a.tif", noise(), photometric="rgb", extratags=[(700, "B", len(packet), packet, True)]
    )
    return folder / "a.tif"
