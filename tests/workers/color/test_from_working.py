from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from giornata.jobs.spec.enums import OutputDepth, OutputProfile, PictureFormat, PreserveColour
from giornata.workers.color.from_working import ColourWish, in_integers, plan_colour
from giornata.workers.color.to_working import through_profile, working_to_lab
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.encoding.encode import Encoded, EncodeOptions, encode
from giornata.workers.formats.capabilities import HOLDS, Sample, Space
from giornata.workers.source import Depth, Format, ProfileUse, SourceFacts, Stored
from tests.workers.pictures import built_in_profile, image, noise, photo, with_profile
from tests.workers.profiles import adobe_rgb, eci_rgb, gamma, grey_profile

LUMINANCE = PreserveColour.LUMINANCE


def facts(**changed: object) -> SourceFacts:
    plain: dict[str, object] = {
        "source": "a.tif",
        "format": Format.TIFF,
        "width": 4,
        "height": 4,
        "bands": 3,
        "depth": Depth.UINT8,
        "interpretation": "srgb",
        "has_alpha": False,
        "orientation": 1,
        "profile": ProfileUse.NONE,
        "profile_bytes": 0,
        "profile_sha256": None,
        "dpi": None,
        "pages": 1,
        "interlaced": False,
        "file_bytes": 1,
    }
    return SourceFacts.model_validate(plain | changed)


GREY = {"bands": 1, "interpretation": "b-w"}
CMYK = {"bands": 4, "interpretation": "cmyk", "depth": Depth.UINT16}
LAB = {"interpretation": "labs", "stored": Stored.UINT16, "depth": Depth.UINT16}
DEEP = {"interpretation": "rgb16", "stored": Stored.UINT16, "depth": Depth.UINT16}
FLOAT = {
    "stored": Stored.FLOAT32,
    "float_range": (0.0, 4.0),
    "depth": Depth.UINT16,
    "interpretation": "scrgb",
}
PLANS = [
    # source, format, what is asked; space, samples, words of the warnings
    ({}, "jpeg", {}, Space.RGB, Sample.UINT8, ()),
    (DEEP, "tiff", {}, Space.RGB, Sample.UINT16, ()),
    (DEEP, "jpeg", {}, Space.RGB, Sample.UINT8, ("16 were rounded to 8",)),
    (DEEP, "webp", {"depth": "8"}, Space.RGB, Sample.UINT8, ()),
    (DEEP, "avif", {}, Space.RGB, Sample.UINT16, ("16 were rounded to 12",)),
    ({}, "png", {"depth": "16"}, Space.RGB, Sample.UINT16, ()),
    ({}, "jpeg", {"depth": "16"}, Space.RGB, Sample.UINT8, ("16 were rounded to 8",)),
    (CMYK, "tiff", {}, Space.CMYK, Sample.UINT8, ("assumed",)),
    (CMYK, "jpeg", {}, Space.CMYK, Sample.UINT8, ("assumed",)),
    (CMYK, "png", {}, Space.RGB, Sample.UINT8, ("png holds no CMYK",)),
    (CMYK, "tiff", {"profile": "srgb"}, Space.RGB, Sample.UINT8, ()),
    (GREY, "jpeg", {}, Space.RGB, Sample.UINT8, ("preserve_colour: luminance",)),
    (GREY, "jpeg", {"preserve_colour": LUMINANCE}, Space.GREY, Sample.UINT8, ()),
    (GREY, "webp", {"preserve_colour": LUMINANCE}, Space.RGB, Sample.UINT8, ("three channels",)),
    (LAB, "tiff", {}, Space.LAB, Sample.UINT16, ()),
    (LAB, "png", {}, Space.RGB, Sample.UINT16, ("png holds no Lab",)),
    (FLOAT, "tiff", {}, Space.RGB, Sample.FLOAT32, ()),
    (FLOAT, "png", {}, Space.RGB, Sample.UINT16, ("32-bit floats were rounded to 16",)),
    (FLOAT, "tiff", {"depth": "16"}, Space.RGB, Sample.UINT16, ()),
    ({"profile": ProfileUse.UNUSABLE}, "tiff", {}, Space.RGB, Sample.UINT8, ("usable profile",)),
    ({"profile": ProfileUse.CONVERT}, "dzi", {}, Space.RGB, Sample.UINT8, ("tiles are sRGB",)),
]


@pytest.mark.parametrize(("source", "format", "asked", "space", "sample", "told"), PLANS)
def test_the_plan_follows_the_source_as_far_as_the_format_holds_it(
    source: dict[str, object],
    format: str,
    asked: dict[str, str],
    space: Space,
    sample: Sample,
    told: tuple[str, ...],
) -> None:
    wish = ColourWish(
        PictureFormat(format),
        OutputProfile(asked.get("profile", "source")),
        OutputDepth(asked.get("depth", "source")),
        PreserveColour(asked.get("preserve_colour", "none")),
    )
    path = Path("source.icc") if source.get("profile") is ProfileUse.CONVERT else None
    plan = plan_colour(facts(**source), wish, profile_path=path)
    assert (plan.space, plan.sample) == (space, sample)
    assert len(plan.warnings) == len(told)
    assert all(words in warning for words, warning in zip(told, plan.warnings, strict=True))


@pytest.mark.parametrize("format", HOLDS)
@pytest.mark.parametrize("source", [{}, GREY, CMYK, LAB, DEEP, FLOAT])
def test_no_plan_asks_a_format_for_what_it_does_not_hold(
    format: PictureFormat, source: dict[str, object]
) -> None:
    for preserve in PreserveColour:
        plan = plan_colour(facts(**source), ColourWish(format, preserve_colour=preserve), profile_path=None)
        assert plan.space in HOLDS[format].spaces
        assert plan.sample in HOLDS[format].samples
        assert HOLDS[format].profiles or plan.embed is None


def there_and_back(sandbox: Sandbox, folder: Path, **options: object) -> tuple[pyvips.Image, Encoded]:
    """The file `folder/a.tif` decoded and, not styled at all, encoded again."""
    working = sandbox.decode(folder / "a.tif", folder / "scratch")
    done = encode(
        working.pixels,
        alpha=working.alpha,
        facts=working.facts,
        target=folder / "out",
        options=EncodeOptions.model_validate({"format": "tiff"} | options),
        profile_path=working.profile_path,
    )
    return pyvips.Image.new_from_file(str(done.path)), done


def muted() -> pyvips.Image:
    """Real colours and all others, drawn in so that every space can show them: ushort, sRGB."""
    full = np.concatenate([noise(width=96, height=64, bits=16), photo().astype(np.uint16) * 257]).astype(
        float
    )
    calm = np.maximum((full.mean(2, keepdims=True) + full) / 2, 1500)
    return image(calm.astype(np.uint16))


def in_press() -> pyvips.Image:
    """Those colours in inks: 16 bits."""
    press = muted().icc_transform(
        "cmyk", input_profile="srgb", intent="relative", black_point_compensation=True, depth=16
    )
    return press.copy_memory()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["Display P3", "eciRGB v2", "Adobe RGB", "sRGB"])
def test_a_profile_comes_back_with_its_codes(sandbox: Sandbox, tmp_path: Path, name: str, bits: int) -> None:
    data = {
        "Display P3": built_in_profile("p3"),
        "eciRGB v2": eci_rgb(),
        "Adobe RGB": adobe_rgb(),
        "sRGB": built_in_profile("srgb"),
    }[name]
    (tmp_path / "space.icc").write_bytes(data)
    depth = Depth(f"uint{bits}")
    stored = through_profile(muted(), source="srgb", target=str(tmp_path / "space.icc"), depth=depth)
    with_profile(stored, data).tiffsave(tmp_path / "a.tif")
    back, done = there_and_back(sandbox, tmp_path)
    assert back.get("icc-profile-data") == data
    assert (back.format, done.warnings) == ("uchar" if bits == 8 else "ushort", ())
    assert np.abs(back.numpy().astype(int) - stored.numpy()).max() <= (0 if bits == 8 else 16)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_press_file_comes_back_as_cmyk_of_the_same_colours(
    sandbox: Sandbox, tmp_path: Path, bits: int
) -> None:
    press = in_press()
    press = press if bits == 16 else in_integers(press, Sample.UINT8)
    press.tiffsave(tmp_path / "a.tif")
    first = sandbox.decode(tmp_path / "a.tif", tmp_path / "first")
    back, done = there_and_back(sandbox, tmp_path)
    again = sandbox.decode(done.path, tmp_path / "again")
    assert (back.interpretation, back.bands, done.space) == ("cmyk", 4, Space.CMYK)
    assert again.facts.profile_sha256 == first.facts.profile_sha256
    off = np.abs(first.pixels.astype(float) - again.pixels) / 257
    assert off.mean() < 0.05
    assert off.max() <= 2


def test_a_press_file_without_a_profile_says_what_was_assumed(sandbox: Sandbox, tmp_path: Path) -> None:
    inks = noise(bands=4)
    image(inks, interpretation="cmyk").tiffsave(tmp_path / "a.tif")
    back, done = there_and_back(sandbox, tmp_path)
    assert back.get("icc-profile-data") == built_in_profile("cmyk")
    assert "assumed" in " ".join(done.warnings)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("tagged", [False, True], ids=["bare", "with a profile"])
def test_grey_in_is_grey_out_when_luminance_is_kept(
    sandbox: Sandbox, tmp_path: Path, bits: int, tagged: bool
) -> None:
    steps = (np.linspace(0.02, 1, 4096) * (2**bits - 1)).reshape(64, 64)
    steps = steps.astype(np.uint8 if bits == 8 else np.uint16)
    data = grey_profile(gamma(2.2))
    (with_profile(image(steps), data) if tagged else image(steps)).tiffsave(tmp_path / "a.tif")
    back, done = there_and_back(sandbox, tmp_path, preserve_colour="luminance")
    assert (back.bands, done.warnings) == (1, ())
    assert (back.get_typeof("icc-profile-data") != 0) == tagged
    assert np.abs(back.numpy().astype(int) - steps).max() <= (0 if bits == 8 else 4)


def test_grey_in_is_rgb_out_otherwise_and_says_why(sandbox: Sandbox, tmp_path: Path) -> None:
    with_profile(image(noise(bands=1)), grey_profile(gamma(2.2))).tiffsave(tmp_path / "a.tif")
    back, done = there_and_back(sandbox, tmp_path)
    assert (back.bands, back.get("icc-profile-data")) == (3, built_in_profile("srgb"))
    assert "preserve_colour: luminance keeps it grey" in done.warnings[0]


@pytest.mark.parametrize("interpretation", ["labs", "lab"], ids=["16 bits", "floats"])
def test_lab_comes_back_as_lab(sandbox: Sandbox, tmp_path: Path, interpretation: str) -> None:
    lab = working_to_lab(muted()).colourspace(interpretation).copy_memory()
    lab.tiffsave(tmp_path / "a.tif")
    back, _ = there_and_back(sandbox, tmp_path)
    assert (back.interpretation, back.format) == (lab.interpretation, lab.format)
    floats = [one.colourspace("lab").numpy() for one in (back, lab)]
    assert np.abs(floats[0] - floats[1]).max() < 0.05


def test_a_source_without_a_usable_profile_is_written_in_srgb_and_says_so(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    Image.fromarray(photo()).save(tmp_path / "a.tif", "JPEG", icc_profile=built_in_profile("cmyk"))
    back, done = there_and_back(sandbox, tmp_path)
    assert back.get("icc-profile-data") == built_in_profile("srgb")
    assert "want of a usable profile" in " ".join(done.warnings)


def test_transparency_comes_back_whatever_the_colours_went_through(sandbox: Sandbox, tmp_path: Path) -> None:
    stored = noise(bands=4)
    with_profile(image(stored), built_in_profile("p3")).tiffsave(tmp_path / "a.tif")
    back, _ = there_and_back(sandbox, tmp_path)
    assert np.array_equal(back.numpy()[:, :, 3], stored[:, :, 3])


def test_lab_keeps_its_transparency(sandbox: Sandbox, tmp_path: Path) -> None:
    lab = working_to_lab(image(photo())).colourspace("labs")
    veil = noise(width=96, height=64, bands=1, bits=16)
    signed = image(veil).cast("int")
    signed = (signed > 32_767).ifthenelse(signed - 65_536, signed).cast("short")
    lab.bandjoin(signed).copy(interpretation="labs").tiffsave(tmp_path / "a.tif")
    back, done = there_and_back(sandbox, tmp_path)
    again = sandbox.decode(done.path, tmp_path / "again")
    assert (back.bands, back.interpretation, done.warnings) == (4, "labs", ())
    assert again.alpha is not None
    assert np.array_equal(again.alpha, veil)
