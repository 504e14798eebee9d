"""From working sRGB back to the source's own colours: which space, profile and depth, and how to get there.

`plan_colour` decides and explains, `from_working` converts; `workers.color` is the way in.
"""

from dataclasses import dataclass
from pathlib import Path

import pyvips
from pydantic import BaseModel, ConfigDict

from giornata.jobs.spec.enums import OutputDepth, OutputProfile, PictureFormat, PreserveColour
from giornata.workers.color.to_working import COLOUR_BANDS, through_profile, working_to_lab
from giornata.workers.formats.capabilities import HOLDS, Sample, Space
from giornata.workers.source import Depth, ProfileUse, SourceFacts, Stored

SPACES = {1: Space.GREY, 3: Space.RGB, 4: Space.CMYK}
LAB = ("lab", "labs")
WORKING_SPACE = "srgb"  # libvips' built-in profile
ASSUMED_CMYK = "cmyk"  # likewise; what CMYK without a profile was read through
# Rec. 709 luma, also of near neutral colours, so that grey in is grey out to the last bit.
LUMA = [[0.2126, 0.7152, 0.0722]]
SAMPLES = {
    Stored.UINT8: Sample.UINT8,
    Stored.UINT16: Sample.UINT16,
    Stored.UINT32: Sample.UINT32,
    Stored.FLOAT32: Sample.FLOAT32,
    Stored.FLOAT64: Sample.FLOAT32,
}
STRIP_ROWS, STRIPS_KEPT = 32, 8
# Of lookup tables. A round leaves 0.7 of the worst error, whatever the depth it is computed in: of 10 of 255
# three rounds leave 3, and six leave 1.6, which rounding to inks of 8 bits brings to 1.8.
REFINEMENTS = 6


class ColourPlan(BaseModel):
    """Colours and samples of an output. `convert` is None where working sRGB stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    space: Space
    sample: Sample
    convert: str | None = None  # the profile to convert to: a file, or a name that libvips knows
    embed: str | None = WORKING_SPACE  # the profile to embed: a file, a built-in name, or none
    float_range: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColourWish:
    """The colour settings requested of an output."""

    format: PictureFormat
    profile: OutputProfile = OutputProfile.SOURCE
    depth: OutputDepth = OutputDepth.SOURCE
    preserve_colour: PreserveColour = PreserveColour.NONE


def stored_space(facts: SourceFacts) -> Space:
    """The kind of colour that the source is stored in."""
    if facts.interpretation in LAB:
        return Space.LAB
    return SPACES[COLOUR_BANDS.get(facts.interpretation, 3 if facts.bands >= 3 else 1)]


def plan_colour(facts: SourceFacts, wish: ColourWish, *, profile_path: Path | None) -> ColourPlan:
    """Space, profile and depth of an output, with a warning for each property of the source that it loses.

    `profile_path`: the source's own ICC profile, None when it has none or an unusable one.
    """
    space, space_warnings = _space(facts, wish)
    sample, sample_warnings = _sample(facts, wish)
    warnings = (*space_warnings, *sample_warnings)
    if wish.profile is OutputProfile.SRGB or space is not stored_space(facts):
        embed = WORKING_SPACE if HOLDS[wish.format].profiles else None
        return ColourPlan(space=space, sample=sample, embed=embed, warnings=warnings, **_range(facts, sample))
    convert, embed, profile_warnings = _profile(facts, wish, space, profile_path)
    return ColourPlan(
        space=space,
        sample=sample,
        convert=convert,
        embed=embed,
        warnings=(*warnings, *profile_warnings),
        **_range(facts, sample),
    )


def _space(facts: SourceFacts, wish: ColourWish) -> tuple[Space, tuple[str, ...]]:
    stored, holds = stored_space(facts), HOLDS[wish.format].spaces
    neutral = wish.preserve_colour is PreserveColour.LUMINANCE
    if stored is Space.GREY:
        if neutral and stored in holds:
            return Space.GREY, ()
        if neutral:
            return Space.RGB, (f"{wish.format} is written with three channels here: grey came back as RGB",)
        reason = "a style gives it colours; preserve_colour: luminance keeps it grey"
        return Space.RGB, (f"the grey source came back as RGB in sRGB: {reason}",)
    if wish.profile is OutputProfile.SRGB or stored is Space.RGB:
        return Space.RGB, ()
    if stored not in holds:
        return Space.RGB, (f"{wish.format} holds no {stored}: converted to RGB in sRGB",)
    return stored, ()


def _sample(facts: SourceFacts, wish: ColourWish) -> tuple[Sample, tuple[str, ...]]:
    requested, holds = _wanted_sample(facts, wish), HOLDS[wish.format].samples
    if requested not in holds:
        fallback = Sample.UINT16 if Sample.UINT16 in holds and requested.bytes > 1 else Sample.UINT8
        return fallback, (_rounded(wish.format, requested, fallback),)
    if wish.format is PictureFormat.AVIF and requested is Sample.UINT16:
        return requested, ("avif keeps 12 bits a sample: 16 were rounded to 12",)
    return requested, ()


def _rounded(format: PictureFormat, requested: Sample, fallback: Sample) -> str:
    had = f"{requested.bytes * 8}{'-bit floats' if requested is Sample.FLOAT32 else ''}"
    return f"{format} holds {fallback.bytes * 8} bits a sample: {had} were rounded to {fallback.bytes * 8}"


def _wanted_sample(facts: SourceFacts, wish: ColourWish) -> Sample:
    if wish.depth is OutputDepth.EIGHT:
        return Sample.UINT8
    if wish.depth is OutputDepth.SIXTEEN:
        return Sample.UINT16
    if stored_space(facts) is Space.LAB and facts.stored is Stored.UINT8:
        return Sample.UINT16  # libvips writes Lab of 16 bits, or floats
    return SAMPLES.get(facts.stored, Sample.FLOAT32)  # signed whole numbers: their range is declared


def _range(facts: SourceFacts, sample: Sample) -> dict[str, tuple[float, float]]:
    wide = sample in (Sample.FLOAT32, Sample.UINT32) and facts.float_range is not None
    return {"float_range": facts.float_range} if wide and facts.float_range else {}


def _profile(
    facts: SourceFacts, wish: ColourWish, space: Space, path: Path | None
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The profile to convert to, the profile to embed, and warnings."""
    if space is Space.LAB:
        return None, None, ()
    if not HOLDS[wish.format].profiles:
        lost = facts.profile is ProfileUse.CONVERT
        return None, None, (f"{wish.format} tiles are sRGB: the source's profile was left out",) * lost
    if path is not None:
        return (str(path) if facts.profile is ProfileUse.CONVERT else None), str(path), ()
    if space is Space.CMYK:
        return ASSUMED_CMYK, ASSUMED_CMYK, ("the CMYK profile that was assumed in reading is embedded",)
    if facts.profile is ProfileUse.UNUSABLE:
        return None, _plain(space), ("written in sRGB, for want of a usable profile",)
    return None, _plain(space), ()


def _plain(space: Space) -> str | None:
    # An RGB profile would be wrong in a grey file, and viewers take untagged grey for sRGB's curve.
    return WORKING_SPACE if space is Space.RGB else None


def from_working(image: pyvips.Image, plan: ColourPlan) -> pyvips.Image:
    """Working sRGB, 3 bands of uchar or ushort, as `plan` says: its space, bands and samples, untagged."""
    if plan.space is Space.LAB:
        lab = working_to_lab(image)
        return lab if plan.sample is Sample.FLOAT32 else lab.colourspace("labs")
    if plan.space is Space.GREY:
        image = _as_grey(image, plan)
    elif plan.convert is not None:
        image = _converted(image, plan)
    return in_sample(image, plan)


def _as_grey(image: pyvips.Image, plan: ColourPlan) -> pyvips.Image:
    grey = image.recomb(LUMA).rint().cast(image.format)
    grey = grey.copy(interpretation="b-w" if image.format == "uchar" else "grey16")
    if plan.convert is None:
        return grey
    return _converted(grey.bandjoin([grey, grey]).copy(interpretation=image.interpretation), plan)


def _converted(image: pyvips.Image, plan: ColourPlan) -> pyvips.Image:
    target = str(plan.convert)
    depth = Depth.UINT8 if plan.sample is Sample.UINT8 else Depth.UINT16
    if plan.space is Space.CMYK:
        image = _refined(in_integers(image, Sample.UINT16), target)
    return through_profile(image, source=WORKING_SPACE, target=target, depth=depth)


def _refined(expected: pyvips.Image, target: str) -> pyvips.Image:
    """The request to a press profile that it answers with `expected`: ushort, sRGB.

    The two directions of such a profile are tables that do not undo each other: straight through, a colour
    comes back up to 10 of 255 off. Each round asks for as much more as the last answer fell short.
    """
    request = expected
    for _ in range(REFINEMENTS):
        inks = through_profile(request, source=WORKING_SPACE, target=target, depth=Depth.UINT16)
        answer = through_profile(inks, source=target, target=WORKING_SPACE, depth=Depth.UINT16)
        # Kept in strips: without that each round would compute the one before it twice.
        request = (
            (request + expected - answer)
            .cast("ushort")
            .tilecache(
                tile_width=expected.width, tile_height=STRIP_ROWS, max_tiles=STRIPS_KEPT, threaded=True
            )
        )
        request = request.copy(interpretation="rgb16")
    return request


def in_sample(image: pyvips.Image, plan: ColourPlan) -> pyvips.Image:
    """Integers 0..full scale as samples of the plan's type, rounded to nearest."""
    if plan.float_range is not None:
        low, high = plan.float_range
        full = 255 if image.format == "uchar" else 65535
        image = image.linear((high - low) / full, low)
        return image if plan.sample is Sample.FLOAT32 else image.rint().cast("uint")
    return in_integers(image, plan.sample)


def veil_sample(alpha: pyvips.Image, plan: ColourPlan) -> pyvips.Image:
    """Alpha, uchar or ushort, as samples that stand beside the colours of `plan`."""
    if plan.space is not Space.LAB:
        return in_sample(alpha, plan)
    # libvips writes all samples of Lab as signed: these are the same 16 bits.
    wide = in_integers(alpha, Sample.UINT16).cast("int")
    return (wide > 32_767).ifthenelse(wide - 65_536, wide).cast("short")


def in_integers(image: pyvips.Image, sample: Sample) -> pyvips.Image:
    """Between 8 and 16 bits, rounded to nearest; any space."""
    if image.format == sample.vips or sample not in (Sample.UINT8, Sample.UINT16):
        return image
    # 65535 / 255 = 257 exactly. Adding a half before the cast rounds; a shift would darken by half a step.
    eight = sample is Sample.UINT8
    changed = image.linear(1 / 257, 0.5).cast("uchar") if eight else (image * 257).cast("ushort")
    return changed.copy(interpretation=_SAME_SPACE[sample].get(image.interpretation, image.interpretation))


_SAME_SPACE = {
    Sample.UINT8: {"rgb16": "srgb", "grey16": "b-w"},
    Sample.UINT16: {"srgb": "rgb16", "b-w": "grey16"},
}
