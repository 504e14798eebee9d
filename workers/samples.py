"""From samples of any kind that sources store to the integers that colour conversion takes.

Whole numbers of 8 and 16 bits pass as they are. Lab becomes sRGB of 16 bits. Samples without a range of
their own, floats above all, become 16 bits by the range that the job declares.
"""

import pyvips

from giornata.workers.color import lab_to_working
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
    """By the profile connection space (ICC.1:2022, D50), which is what scanners and Photoshop mean by Lab."""
    colour = image.extract_band(0, n=3).copy(interpretation=image.interpretation).colourspace("lab")
    rgb = lab_to_working(colour, depth=Depth.UINT16)
    if image.bands == 3:
        return rgb
    # libvips reads all samples of Lab as signed; alpha is not.
    alpha = (image[3].cast("int") & LARGEST).cast("ushort")
    return rgb.bandjoin(alpha).copy(interpretation="rgb16")


def _ranged(image: pyvips.Image, lowest: float, highest: float) -> pyvips.Image:
    """Linear from lowest..highest to 0..65535; what lies outside is cut off, what is no number is lowest."""
    known = (image == image).ifthenelse(image, lowest).cast("double")
    step = LARGEST / (highest - lowest)
    samples = known.linear(step, 0.5 - lowest * step).cast("ushort")
    return samples.copy(interpretation=WIDE[COLOURS[image.interpretation]])
