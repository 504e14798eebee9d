"""From the source's own colours to working sRGB, by its ICC profile, without losing depth.

Working sRGB is IEC 61966-2-1 with its usual transfer curve, 8 or 16 bits a sample as in the source.
"""

import itertools
import logging
from dataclasses import dataclass

import pyvips

from giornata.workers.color.matrix_profile import convert, from_lab, to_lab
from giornata.workers.formats.icc import Shaper, read_shaper
from giornata.workers.source import Depth, ProfileUse

PROFILE_FIELD = "icc-profile-data"
SRGB = "srgb"  # libvips' built-in profile
COLOUR_BANDS = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb16": 3, "rgb": 3, "cmyk": 4}
PROFILE_SPACES = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}  # ICC.1:2022, 7.2.6
LATTICE_STEPS = 9
SAME_WITHIN = 1  # of 255: rounding in sRGB profiles of different makers
BENIGN = "fallback to suggested"  # another rendering intent is used, the profile still is


@dataclass(frozen=True)
class ProfileCheck:
    """The use of a source's profile, and the problem with an unusable one."""

    use: ProfileUse
    problem: str = ""


class _Complaints(logging.Handler):
    """Collects what libvips only logs: it drops a broken profile without raising."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().removeprefix("VIPS: ")
        if not message.startswith(BENIGN):
            self.words.append(message)


def check_profile(image: pyvips.Image) -> ProfileCheck:
    """Tries the profile of `image` on a few colours of the same kind; decodes nothing.

    A profile that leaves them where they are describes sRGB itself: such sources pass bit for bit.
    """
    if image.get_typeof(PROFILE_FIELD) == 0:
        return ProfileCheck(ProfileUse.NONE)
    profile, channels = image.get(PROFILE_FIELD), COLOUR_BANDS[image.interpretation]
    if profile[36:40] != b"acsp":
        return ProfileCheck(ProfileUse.UNUSABLE, "it is not an ICC profile")
    if profile[16:20] != PROFILE_SPACES[channels]:
        space = profile[16:20].decode("ascii", "replace").strip()
        return ProfileCheck(
            ProfileUse.UNUSABLE, f"it describes {space} and the picture has {channels} channels"
        )
    return _try(profile, channels)


def _try(profile: bytes, channels: int) -> ProfileCheck:
    colours = _lattice(channels)
    image = pyvips.Image.new_from_memory(colours, len(colours) // channels, 1, channels, "uchar")
    image = image.copy(interpretation={1: "b-w", 3: "srgb", 4: "cmyk"}[channels])
    image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    complaints = _Complaints()
    logger = logging.getLogger("pyvips")
    logger.addHandler(complaints)
    try:
        moved = bytes(_by_libvips(image, source=None, target=SRGB, depth=Depth.UINT8).write_to_memory())
    except pyvips.Error as error:
        return ProfileCheck(ProfileUse.UNUSABLE, _first_line(error))
    finally:
        logger.removeHandler(complaints)
    if complaints.words:
        return ProfileCheck(ProfileUse.UNUSABLE, complaints.words[0])
    return ProfileCheck(ProfileUse.SRGB if _same(colours, moved, channels) else ProfileUse.CONVERT)


def _lattice(channels: int) -> bytes:
    steps = [round(255 * i / (LATTICE_STEPS - 1)) for i in range(LATTICE_STEPS)]
    return bytes(itertools.chain.from_iterable(itertools.product(steps, repeat=channels)))


def _same(colours: bytes, moved: bytes, channels: int) -> bool:
    if channels == 4:
        return False
    expected = colours if channels == 3 else bytes(grey for grey in colours for _ in range(3))
    return max(abs(a - b) for a, b in zip(expected, moved, strict=True)) <= SAME_WITHIN


def _first_line(error: pyvips.Error) -> str:
    return next(
        (line.strip() for line in str(error.detail).splitlines() if line.strip()), "it cannot be read"
    )


def through_profile(colour: pyvips.Image, *, source: str | None, target: str, depth: Depth) -> pyvips.Image:
    """Relative colorimetric with black point compensation; `depth` samples in the profile `target`.

    `source` None is the embedded profile; else both are paths, or names that libvips knows. Curve-and-matrix
    profiles are computed in floats, lookup tables by libvips.
    """
    from_shaper, to_shaper = (
        read_shaper(_profile_bytes(colour, source)),
        read_shaper(_profile_bytes(None, target)),
    )
    if from_shaper and to_shaper:
        converted = convert(colour, from_shaper, to_shaper, depth=depth)
        if converted is not None:
            return converted
    return _by_libvips(colour, source=source, target=target, depth=depth)


def _by_libvips(colour: pyvips.Image, *, source: str | None, target: str, depth: Depth) -> pyvips.Image:
    given = {"embedded": True} if source is None else {"input_profile": source}
    return colour.icc_transform(
        target, intent="relative", black_point_compensation=True, depth=8 * depth.bytes, **given
    )


def working_to_lab(image: pyvips.Image) -> pyvips.Image:
    """Working sRGB, uchar or ushort, as CIELAB relative to D50: float, 3 bands."""
    return to_lab(image, _working())


def lab_to_working(lab: pyvips.Image, *, depth: Depth) -> pyvips.Image:
    """CIELAB relative to D50, float, as working sRGB; what sRGB cannot show is clipped."""
    return from_lab(lab, _working(), depth=depth)


def _working() -> Shaper:
    shaper = read_shaper(_profile_bytes(None, SRGB))
    assert shaper is not None, "libvips' own sRGB is curves and a matrix"  # noqa: S101
    return shaper


def _profile_bytes(image: pyvips.Image | None, name: str | None) -> bytes:
    profile: bytes = (
        image.get(PROFILE_FIELD)
        if image is not None and name is None
        else pyvips.Operation.call("profile_load", name)
    )
    return profile


def in_depth(samples: pyvips.Image, depth: Depth) -> pyvips.Image:
    """Full scale stays full scale: 255 becomes 65535. Only upwards."""
    if depth is Depth.UINT8 or samples.format != "uchar":
        return samples
    return (samples * 257).cast("ushort")


def to_working(
    image: pyvips.Image, *, use: ProfileUse, depth: Depth
) -> tuple[pyvips.Image, pyvips.Image | None]:
    """Splits `image` into working sRGB, 3 bands of `depth`, and its alpha, 1 band of `depth`, or None."""
    bands = COLOUR_BANDS[image.interpretation]
    alpha = in_depth(image[bands], depth) if image.bands > bands else None
    colour = image.extract_band(0, n=bands)
    if use is ProfileUse.CONVERT:
        return through_profile(colour, source=None, target=SRGB, depth=depth), alpha
    if bands == 4:
        return through_profile(colour, source="cmyk", target=SRGB, depth=depth), alpha
    if bands == 1:
        colour = colour.bandjoin([colour, colour])
    return colour.copy(interpretation="srgb" if depth is Depth.UINT8 else "rgb16"), alpha
