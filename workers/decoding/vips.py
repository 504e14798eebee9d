"""From samples of any kind that sources store to the integers that colour conversion takes.

Whole numbers of 8 and 16 bits pass as they are. Lab becomes sRGB of 16 bits. Samples without a range of
their own, floats above all, become 16 bits by the range that the job declares.

Hears what decoders only log: they go on after a warning, and nobody would know of it.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyvips

from giornata.workers.color.to_working import lab_to_working
from giornata.workers.source import Depth, SourceFacts, Stored

STORED = {
    "uchar": Stored.UINT8,
    "char": Stored.INT8,
    "ushort": Stored.UINT16,
    "short": Stored.INT16,
    "uint": Stored.UINT32,
    "int": Stored.INT32,
    "float": Stored.FLOAT32,
    "double": Stored.FLOAT64,
}
DIRECT = {Stored.UINT8: Depth.UINT8, Stored.UINT16: Depth.UINT16}
LABS = ("lab", "labs")
COLOURS = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb16": 3, "rgb": 3, "scrgb": 3, "lab": 3, "labs": 3, "cmyk": 4}
WIDE = {1: "grey16", 3: "rgb16", 4: "cmyk"}  # libvips' names for 16 bits
LARGEST = 65_535


def lab_from_bytes(image: pyvips.Image) -> pyvips.Image:
    """Lab stored in bytes and opened as if it were RGB -> `labs`: TIFF 6.0 section 23, a and b are signed."""
    lightness = image[0].linear(32_767 / 255, 0.5).cast("short")
    signed = [(band > 127).ifthenelse(band - 256, band).cast("short") * 256 for band in (image[1], image[2])]
    return lightness.bandjoin([band.cast("short") for band in signed]).copy(interpretation="labs")


def workable(image: pyvips.Image, facts: SourceFacts) -> pyvips.Image:
    """`image`, as opened, in one of the kinds that `color` takes, with its alpha, in `facts.depth`."""
    if facts.interpretation in LABS:
        return _from_lab(image)
    if facts.float_range is not None:
        return _ranged(image, *facts.float_range)
    return image


def _from_lab(image: pyvips.Image) -> pyvips.Image:
    """Lab to sRGB by the profile connection space (ICC.1:2022, D50), as scanners and Photoshop mean Lab."""
    colour = image.extract_band(0, n=3).copy(interpretation=image.interpretation).colourspace("lab")
    rgb = lab_to_working(colour, depth=Depth.UINT16)
    if image.bands == 3:
        return rgb
    # libvips reads all samples of Lab as signed; alpha is not.
    alpha = (image[3].cast("int") & LARGEST).cast("ushort")
    return rgb.bandjoin(alpha).copy(interpretation="rgb16")


def _ranged(image: pyvips.Image, lowest: float, highest: float) -> pyvips.Image:
    """Samples mapped linearly from lowest..highest to 0..65535; outside it clipped, NaN as `lowest`."""
    numbers = (image == image).ifthenelse(image, lowest).cast("double")
    step = LARGEST / (highest - lowest)
    samples = numbers.linear(step, 0.5 - lowest * step).cast("ushort")
    return samples.copy(interpretation=WIDE[COLOURS[image.interpretation]])


MOST_WORDS = 1000  # a damaged file complains about every line
MOST_TOLD, LONGEST = 3, 300  # complaints and characters in a reason
# Which part of libvips speaks says nothing to a person, nor that it gave up.
SPEAKER = re.compile(r"^(source input|\w*(vips|load|webp|heif|source)\w*)\s*:\s+", re.I)
GAVE_UP = re.compile(r"^(error in tile|unable to (open source|call)|libpng read error|read error)", re.I)


class _Listener(logging.Handler):
    """Collects every different complaint once, in order."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.words) < MOST_WORDS:
            self.words[" ".join(record.getMessage().removeprefix("VIPS: ").split())] = None


def forget_errors() -> None:
    """Empties libvips' error buffer, which it keeps across files."""
    pyvips.vips_lib.vips_error_clear()


def noted_errors() -> str:
    """Messages in libvips' error buffer since `forget_errors`, raised or not; empty without any."""
    return plain(pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode(errors="replace").splitlines())


def plain(lines: Iterable[str]) -> str:
    """A decoder's complaints as text for a person: each once, without the names of its parts."""
    messages: dict[str, None] = {}
    for line in lines:
        message = line.strip()
        while (shorter := SPEAKER.sub("", message)) != message:
            message = shorter
        if message and not GAVE_UP.match(message):
            messages[message] = None
    return "; ".join(list(messages)[:MOST_TOLD])[:LONGEST]


@contextmanager
def heard() -> Iterator[dict[str, None]]:
    """The complaints of libvips and its decoders while the context lasts: a growing, ordered set."""
    listener, logger = _Listener(), logging.getLogger("pyvips")
    logger.addHandler(listener)
    try:
        yield listener.words
    finally:
        logger.removeHandler(listener)
