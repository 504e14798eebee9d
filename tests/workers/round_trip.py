"""Sources of every format with everything that it can carry, and what is found of it in an output."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image

from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.color.to_working import working_to_lab
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.formats.exif import ExifTags, read_tags
from giornata.workers.formats.icc import profile_name
from giornata.workers.formats.iptc import RIGHTS, DataSet, words
from giornata.workers.formats.tiff_tags import add_tags
from giornata.workers.formats.xmp import Properties, name
from giornata.workers.metadata.blocks import Blocks, tagged
from giornata.workers.metadata.metadata import read_metadata
from giornata.workers.source import Format, SourceFacts
from tests.workers.blocks import agency_iptc, camera_exif, camera_tags, packet
from tests.workers.pictures import Samples, built_in_profile, image, photo, with_orientation
from tests.workers.profiles import adobe_rgb, eci_rgb, gamma, grey_profile

DPI = 300.0
FULL = Blocks(xmp=packet(), exif=camera_exif(), iptc=agency_iptc())
Make = Callable[[Path], None]


@dataclass(frozen=True)
class Source:
    """A source's name in the table, how to make it, and what to ask of its task besides the defaults."""

    name: str
    make: Make
    asked: dict[str, object]


def deep() -> Samples:
    """The photograph with 16 bits that 8 could not hold."""
    low = np.random.default_rng(1).integers(0, 200, photo().shape)
    return (photo().astype(int) * 256 + low).clip(2000, 65_535).astype(np.uint16)


def veiled(samples: Samples) -> pyvips.Image:
    """The samples under a veil that is thinner at the right."""
    full = np.iinfo(samples.dtype).max
    veil = np.broadcast_to(np.linspace(full // 4, full, samples.shape[1]), samples.shape[:2])
    return image(np.dstack([samples, veil.astype(samples.dtype)]))


def carrying(picture: pyvips.Image, format: PictureFormat, profile: bytes | None = None) -> pyvips.Image:
    """The picture with a profile, 300 dpi and all blocks; JPEG and AVIF keep no alpha of ours."""
    return tagged(picture, format, blocks=FULL, profile=profile, dpi=(DPI, DPI))


def tiff(path: Path, picture: pyvips.Image, profile: bytes | None = None, **how: object) -> None:
    """A TIFF lying on its side, with a camera's and an agency's tags."""
    carrying(picture, PictureFormat.TIFF, profile).tiffsave(path, resunit="inch", **how)
    add_tags(path, camera_tags(), iptc=agency_iptc())


def jpeg(path: Path, picture: pyvips.Image, profile: bytes | None = None) -> None:
    """A JPEG lying on its side."""
    on_its_side = with_orientation(carrying(picture, PictureFormat.JPEG, profile), 6)
    on_its_side.jpegsave(path, Q=95)


def png(path: Path, picture: pyvips.Image, profile: bytes | None = None) -> None:
    """A PNG."""
    carrying(picture, PictureFormat.PNG, profile).pngsave(path)


def grey(samples: Samples) -> pyvips.Image:
    """One channel of the samples."""
    return image(np.ascontiguousarray(samples[:, :, 1]))


def inks() -> pyvips.Image:
    """The photograph in inks."""
    how = {"input_profile": "srgb", "intent": "relative", "black_point_compensation": True}
    return image(photo()).icc_transform("cmyk", depth=8, **how).copy_memory()


def palette(path: Path, format: str) -> None:
    """A picture of 64 colours, one of them transparent."""
    few = Image.fromarray(photo()).quantize(64)
    few.save(path, format, transparency=0, dpi=(DPI, DPI))


def floats(path: Path) -> None:
    """Light measured from 0 to 4."""
    values = (photo().astype(np.float32) / 255 * 4).copy()
    made = pyvips.Image.new_from_memory(values.tobytes(), 96, 64, 3, "float").copy(interpretation="scrgb")
    made.copy(xres=DPI / 25.4, yres=DPI / 25.4).tiffsave(path, resunit="inch", compression="deflate")


def fax(path: Path) -> None:
    """A bilevel page."""
    page = image((photo()[:, :, 0] > 90).astype(np.uint8) * 255)
    page.copy(xres=8, yres=8).tiffsave(path, bitdepth=1, compression="ccittfax4", resunit="inch")


AV1 = {"compression": "av1", "Q": 90}
LUMINANCE = {"preserve_colour": "luminance"}
SRGB, P3 = built_in_profile("srgb"), built_in_profile("p3")
SOURCES = (
    Source("JPEG, Adobe RGB", lambda path: jpeg(path, image(photo()), adobe_rgb()), {"format": "jpeg"}),
    Source("JPEG, CMYK", lambda path: jpeg(path, inks(), built_in_profile("cmyk")), {"format": "jpeg"}),
    Source("JPEG, grey", lambda path: jpeg(path, grey(photo())), {"format": "jpeg"}),
    Source("JPEG, grey, luminance", lambda path: jpeg(path, grey(photo())), {"format": "jpeg", **LUMINANCE}),
    Source("PNG, alpha", lambda path: png(path, veiled(photo()), SRGB), {"format": "png"}),
    Source(
        "PNG, 16 bits, P3, alpha",
        lambda path: png(path, veiled(deep()), built_in_profile("p3")),
        {"format": "png"},
    ),
    Source("PNG, palette", lambda path: palette(path, "PNG"), {"format": "png"}),
    Source(
        "WebP, alpha",
        lambda path: carrying(veiled(photo()), PictureFormat.WEBP, SRGB).webpsave(path, lossless=True),
        {"format": "webp"},
    ),
    Source(
        "AVIF",
        lambda path: carrying(image(photo()), PictureFormat.AVIF, SRGB).heifsave(
            path, compression="av1", Q=90
        ),
        {"format": "avif"},
    ),
    Source("GIF", lambda path: palette(path, "GIF"), {"format": "png"}),
    Source("TIFF", lambda path: tiff(path, image(photo()), SRGB), {"format": "tiff"}),
    Source(
        "TIFF, associated alpha",
        lambda path: tiff(path, veiled(photo()), SRGB, premultiply=True),
        {"format": "tiff"},
    ),
    Source("TIFF, 16 bits, eciRGB", lambda path: tiff(path, image(deep()), eci_rgb()), {"format": "tiff"}),
    Source("TIFF, CMYK", lambda path: tiff(path, inks(), built_in_profile("cmyk")), {"format": "tiff"}),
    Source(
        "TIFF, 16 bits, grey, luminance",
        lambda path: tiff(path, grey(deep()), grey_profile(gamma(2.2))),
        {"format": "tiff", **LUMINANCE},
    ),
    Source(
        "TIFF, 16 bits, Lab",
        lambda path: tiff(path, working_to_lab(image(deep())).colourspace("labs")),
        {"format": "tiff"},
    ),
    Source("TIFF, floats", floats, {"format": "tiff", "float_range": (0.0, 4.0)}),
    Source("TIFF, bilevel, luminance", fax, {"format": "tiff", **LUMINANCE}),
    *(
        Source(
            "TIFF, 16 bits, eciRGB, alpha",
            lambda path: tiff(path, veiled(deep()), eci_rgb()),
            {"format": format},
        )
        for format in ("jpeg", "png", "webp", "avif", "tiff", "dzi", "iiif")
    ),
)
COLUMNS = (
    *("source", "output", "size", "colour", "depth", "profile", "DPI", "alpha", "orientation"),
    *("XMP", "EXIF", "IPTC", "largest difference"),
)
RIGHTS_AND_ARTWORK = ("dc:rights", "Iptc4xmpExt:ArtworkOrObject")
SAME = ("size", "colour", "depth", "profile", "dpi")


@dataclass(frozen=True)
class Seen:
    """A decoded file."""

    facts: SourceFacts
    working: DecodedImage

    @property
    def size(self) -> str:
        return f"{self.facts.width}×{self.facts.height}"

    @property
    def colour(self) -> str:
        if self.facts.interpretation.startswith("lab"):
            return "Lab"
        return {1: "grey", 3: "RGB", 4: "CMYK"}[self.facts.bands - self.facts.has_alpha]

    @property
    def depth(self) -> str:
        if self.facts.palette or self.facts.bilevel:
            return "palette" if self.facts.palette else "bilevel"
        if self.facts.format is Format.AVIF:
            return str(self.facts.bits)
        return {"float32": "float", "uint16": "16", "uint8": "8"}[self.facts.stored]

    @property
    def profile(self) -> str:
        path = self.working.profile_path
        return profile_name(path.read_bytes()) if path else "none"

    @property
    def dpi(self) -> str:
        return f"{self.facts.dpi[0]:.0f}" if self.facts.dpi else "none"

    @property
    def xmp(self) -> Properties:
        return read_metadata(self.working).properties

    @property
    def exif(self) -> ExifTags:
        path = self.working.exif_path
        return read_tags(path.read_bytes() if path else b"")

    @property
    def sets(self) -> tuple[DataSet, ...]:
        return read_metadata(self.working).sets


def picture_in(deliverable: Path) -> Path:
    """The file itself; of a folder of tiles the one that shows the whole picture at full size."""
    if deliverable.is_file():
        return deliverable
    whole = [*deliverable.glob("full/max/0/default.jpg"), *deliverable.glob("*_files/7/0_0.jpg")]
    return whole[0]


def row(title: str, source: Seen, output: Seen, *, format: str) -> tuple[str, ...]:
    """One line of the table."""
    return (
        *(title, format),
        *(
            change(getattr(source, of), getattr(output, of))
            for of in ("size", "colour", "depth", "profile", "dpi")
        ),
        alpha(source, output),
        change(str(source.facts.orientation), str(output.facts.orientation)),
        packets(source, output),
        blocks(source, output),
        agency(source, output),
        difference(source, output, format=format),
    )


def change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def alpha(source: Seen, output: Seen) -> str:
    if source.working.alpha is None:
        return "–" if output.working.alpha is None else "new"
    if output.working.alpha is None:
        return "left out"
    before, after = (seen.working.alpha / np.iinfo(seen.working.alpha.dtype).max for seen in (source, output))
    return "kept" if np.abs(before - after).max() < 1 / 250 else "changed"


def packets(source: Seen, output: Seen) -> str:
    """Rights and artwork are the source's, the history is new."""
    kept = all(
        source.xmp.texts(one) == output.xmp.texts(one) for one in ("dc:rights", "Iptc4xmpExt:ArtworkOrObject")
    )
    if name("xmpMM:History") not in output.xmp.elements:
        return "in the record"
    if not source.xmp.elements:
        return "new"
    return "kept, history new" if kept else "lost"


def blocks(source: Seen, output: Seen) -> str:
    """Camera, artist, rights, day and place."""
    if not source.exif.main:
        return "–"
    before, after = (
        [seen.exif.main.get(tag) for tag in (271, 272, 306, 315, 33_432)]
        + [seen.exif.exif.get(36_867), seen.exif.gps.get(2)]
        for seen in (source, output)
    )
    kept = [one.text if one else None for one in before] == [one.text if one else None for one in after]
    return "kept" if kept else "in the record" if not output.exif.main else "lost"


def agency(source: Seen, output: Seen) -> str:
    """IIM; formats without a place for it have the same words in the packet."""
    if not source.sets:
        return "–"
    if output.sets:
        return "kept" if words(output.sets, RIGHTS) == words(source.sets, RIGHTS) else "lost"
    return "in XMP" if output.xmp.elements else "in the record"


def difference(source: Seen, output: Seen, *, format: str) -> str:
    """The largest there is between the two as shown, in steps of 8 bits."""
    if format in ("jpeg", "webp", "avif", "dzi", "iiif"):
        return "lossy"
    before, after = (
        seen.working.pixels.astype(float) / np.iinfo(seen.working.pixels.dtype).max * 255
        for seen in (source, output)
    )
    largest = np.abs(before - after).max()
    return (
        "0"
        if largest == 0
        else f"≤ {np.ceil(largest * 20) / 20:g}"
        if largest < 1
        else f"≤ {np.ceil(largest):g}"
    )


def table(rows: list[tuple[str, ...]]) -> str:
    """Markdown."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
