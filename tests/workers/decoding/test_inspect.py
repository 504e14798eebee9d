from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from giornata.workers.decoding.options import Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.source import Depth, Format, ProfileUse, RejectCode, SourceFacts, Verdict
from tests.workers.pictures import (
    built_in_profile,
    encoded,
    image,
    noise,
    photo,
    png_header,
    with_orientation,
    with_profile,
    written,
)


def facts_of(sandbox: Sandbox, path: Path) -> SourceFacts:
    verdict = sandbox.verdict(path)
    assert verdict.facts is not None, verdict
    return verdict.facts


def test_the_header_says_size_depth_resolution_and_profile(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    picture = with_profile(image(noise(bits=16, bands=4)), built_in_profile("p3"))
    picture.copy(xres=300 / 25.4, yres=600 / 25.4).tiffsave(path, resunit="inch")
    facts = facts_of(sandbox, path)
    assert (facts.format, facts.width, facts.height) == (Format.TIFF, 33, 21)
    assert (facts.depth, facts.bands, facts.has_alpha) == (Depth.UINT16, 4, True)
    assert facts.dpi == pytest.approx((300, 600), rel=1e-6)
    assert facts.profile is ProfileUse.CONVERT
    assert facts.profile_bytes == len(built_in_profile("p3"))
    assert facts.warnings == ()


@pytest.mark.parametrize("format", Format)
def test_a_good_file_of_every_format_is_ok_whatever_its_name(
    sandbox: Sandbox, tmp_path: Path, format: Format
) -> None:
    verdict = sandbox.verdict(written(tmp_path / "picture.dat", encoded(format)))
    assert verdict.word == "ok"
    assert verdict.facts is not None
    assert (verdict.facts.format, verdict.facts.width, verdict.facts.height) == (format, 160, 120)
    assert verdict.facts.dpi is None


def test_a_turned_picture_is_measured_upright(sandbox: Sandbox, tmp_path: Path) -> None:
    with_orientation(image(photo(width=40, height=20)), 6).jpegsave(tmp_path / "turned.jpg")
    facts = facts_of(sandbox, tmp_path / "turned.jpg")
    assert (facts.width, facts.height, facts.orientation) == (20, 40, 6)


def test_a_profile_that_is_srgb_is_known_as_such(sandbox: Sandbox, tmp_path: Path) -> None:
    with_profile(image(photo()), built_in_profile("srgb")).pngsave(tmp_path / "a.png")
    assert facts_of(sandbox, tmp_path / "a.png").profile is ProfileUse.SRGB


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"garbage" * 60, id="garbage"),
        pytest.param(built_in_profile("srgb")[:200] + bytes(280), id="half of a profile"),
        pytest.param(built_in_profile("cmyk"), id="made for CMYK"),
    ],
)
def test_an_unusable_profile_is_a_warning_and_not_silent(
    sandbox: Sandbox, tmp_path: Path, profile: bytes
) -> None:
    Image.fromarray(photo()).save(tmp_path / "a.jpg", icc_profile=profile)
    verdict = sandbox.verdict(tmp_path / "a.jpg")
    assert verdict.word == "ok_with_warnings"
    assert verdict.facts is not None
    assert verdict.facts.profile is ProfileUse.UNUSABLE
    assert "profile left out" in verdict.facts.warnings[0]


def test_cmyk_without_a_profile_is_a_warning(sandbox: Sandbox, tmp_path: Path) -> None:
    image(noise(bands=4), interpretation="cmyk").jpegsave(tmp_path / "press.jpg", keep="none")
    facts = facts_of(sandbox, tmp_path / "press.jpg")
    assert facts.interpretation == "cmyk"
    assert not facts.has_alpha
    assert "CMYK" in facts.warnings[0]


def refused(sandbox: Sandbox, path: Path) -> Verdict:
    verdict = sandbox.verdict(path)
    assert verdict.facts is None
    assert verdict.word == f"rejected:{verdict.code}"
    return verdict


@pytest.mark.parametrize("side", [60_000, 65_536])
def test_a_bomb_is_refused_from_its_header(sandbox: Sandbox, tmp_path: Path, side: int) -> None:
    path = written(tmp_path / "bomb.png", png_header(width=side, height=side))
    assert refused(sandbox, path).code is RejectCode.BOMB


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param(Limits(max_width_px=90), "px wide", id="width"),
        pytest.param(Limits(max_height_px=60), "px high", id="height"),
        pytest.param(Limits(max_pixels=6000), "pixels", id="pixels"),
        pytest.param(Limits(max_file_bytes=50), "bytes", id="file"),
        pytest.param(Limits(max_metadata_bytes=100), "metadata", id="metadata"),
    ],
)
def test_a_limit_names_what_was_got_and_what_is_allowed(tmp_path: Path, limits: Limits, words: str) -> None:
    with_profile(image(photo()), built_in_profile("srgb")).pngsave(tmp_path / "a.png")
    with Sandbox(limits) as sandbox:
        verdict = refused(sandbox, tmp_path / "a.png")
    assert verdict.code is RejectCode.TOO_LARGE
    assert words in verdict.reason


def test_a_progressive_jpeg_beyond_the_memory_limit_is_refused(tmp_path: Path) -> None:
    flat = image(np.full((6000, 6000, 3), 128, np.uint8))
    flat.jpegsave(tmp_path / "a.jpg", interlace=True, subsample_mode="off")
    with Sandbox(Limits(memory_mb=128)) as sandbox:
        verdict = refused(sandbox, tmp_path / "a.jpg")
    assert verdict.code is RejectCode.TOO_LARGE
    assert "in one piece" in verdict.reason


def test_five_colours_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(bands=5), photometric="minisblack", planarconfig="contig")
    assert refused(sandbox, tmp_path / "a.tif").code is RejectCode.UNSUPPORTED_BANDS


@pytest.mark.parametrize("kind", [np.float32, np.uint32, np.int16])
def test_samples_without_a_known_range_are_refused(sandbox: Sandbox, tmp_path: Path, kind: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise().astype(kind), photometric="rgb")
    assert refused(sandbox, tmp_path / "a.tif").code is RejectCode.UNSUPPORTED_DEPTH


def test_an_animation_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    frames = [Image.fromarray(photo()[:, shift : shift + 40]) for shift in (0, 8, 16)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert refused(sandbox, tmp_path / "a.gif").code is RejectCode.MULTI_PAGE


def test_a_document_of_pages_is_refused_and_a_pyramid_is_not(sandbox: Sandbox, tmp_path: Path) -> None:
    page = photo()
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        file.write(page, photometric="rgb")
        file.write(page[::2, ::2], photometric="rgb")
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(page, photometric="rgb")
        file.write(page[::2, ::2], photometric="rgb", subfiletype=1)
    assert refused(sandbox, tmp_path / "pages.tif").code is RejectCode.MULTI_PAGE
    assert "a pyramid" in facts_of(sandbox, tmp_path / "pyramid.tif").warnings[0]


def test_a_missing_codec_is_not_called_damage(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    image(photo()).tiffsave(path)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags["Compression"].valueoffset
    data[at : at + 2] = (6).to_bytes(2, "little")  # old-style JPEG, a codec that is not built in
    path.write_bytes(data)
    verdict = sandbox.verdict(path)
    if verdict.facts is None:
        assert verdict.code is RejectCode.UNSUPPORTED_FORMAT
