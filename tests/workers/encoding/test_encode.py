import hashlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from giornata.jobs.spec.enums import FOLDER_FORMATS, PictureFormat
from giornata.workers.color.from_working import in_integers
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.encoding.encode import EncodeOptions, encode
from giornata.workers.errors import EncodeFailed
from giornata.workers.formats.capabilities import HOLDS, Sample
from giornata.workers.source import Depth, Format, ProfileUse, SourceFacts, Stored
from tests.workers.pictures import built_in_profile, image, noise, photo, with_orientation

FORMATS = [option for option in PictureFormat if option not in (PictureFormat.SAME, *FOLDER_FORMATS)]
DEEP = [PictureFormat.PNG, PictureFormat.TIFF]


def facts(
    format: Format = Format.PNG, *, dpi: tuple[float, float] | None = None, bits: int = 8
) -> SourceFacts:
    return SourceFacts(
        source="a",
        format=format,
        width=1,
        height=1,
        bands=3,
        depth=Depth(f"uint{bits}"),
        stored=Stored(f"uint{bits}"),
        interpretation="srgb",
        has_alpha=False,
        orientation=6,
        profile=ProfileUse.NONE,
        profile_bytes=0,
        profile_sha256=None,
        dpi=dpi,
        pages=1,
        interlaced=False,
        file_bytes=1,
    )


def read(path: Path) -> pyvips.Image:
    return pyvips.Image.new_from_file(str(path))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [3, 4], ids=["opaque", "with alpha"])
@pytest.mark.parametrize("format", DEEP)
def test_decode_then_encode_returns_every_bit(
    sandbox: Sandbox, tmp_path: Path, format: PictureFormat, bands: int, bits: int
) -> None:
    samples = noise(bits=bits, bands=bands)
    image(samples).pngsave(tmp_path / "a.png")
    working = sandbox.decode(tmp_path / "a.png", tmp_path / "scratch")
    done = encode(
        working.pixels,
        alpha=working.alpha,
        facts=working.facts,
        target=tmp_path / "out",
        options=EncodeOptions(format=format),
    )
    assert np.array_equal(read(done.path).numpy(), samples)
    assert done.warnings == ()


@pytest.mark.parametrize("format", FORMATS)
def test_the_report_is_what_lies_on_disk(tmp_path: Path, format: PictureFormat) -> None:
    options = EncodeOptions(format=format)
    done = encode(photo(), alpha=None, facts=facts(), target=tmp_path / ".x.part", options=options)
    data = (tmp_path / ".x.part").read_bytes()
    assert (done.bytes, done.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (done.width, done.height, done.format) == (96, 64, format)
    with Image.open(done.path) as written:
        assert written.format is not None
        assert written.format.lower() == format
        assert written.size == (96, 64)
        assert np.abs(np.asarray(written.convert("RGB")).astype(int) - photo()).mean() < 4


@pytest.mark.parametrize("format", FORMATS)
def test_an_output_is_tagged_srgb_upright_and_keeps_its_resolution(
    tmp_path: Path, format: PictureFormat
) -> None:
    options = EncodeOptions(format=format)
    source = facts(dpi=(300.0, 600.0))
    done = read(encode(photo(), alpha=None, facts=source, target=tmp_path / "o", options=options).path)
    assert done.get("icc-profile-data") == built_in_profile("srgb")
    assert done.get_typeof("orientation") == 0 or done.get("orientation") == 1
    if format in (PictureFormat.WEBP, PictureFormat.AVIF):  # their only place for a resolution is EXIF
        assert done.get("exif-ifd0-XResolution").startswith(("300", "30000/100"))
    else:
        assert (done.xres * 25.4, done.yres * 25.4) == pytest.approx((300, 600), rel=1e-3)


def test_same_follows_the_sources_true_format() -> None:
    same = EncodeOptions()
    assert same.resolved(Format.WEBP).format is PictureFormat.WEBP
    assert same.resolved(Format.GIF).format is PictureFormat.PNG
    assert same.resolved(Format.AVIF).format is PictureFormat.PNG
    assert EncodeOptions(format=PictureFormat.TIFF).resolved(Format.GIF).format is PictureFormat.TIFF


def test_sixteen_bits_are_rounded_and_not_cut_for_eight(tmp_path: Path) -> None:
    steps = np.arange(65536, dtype=np.uint16)
    reduced = in_integers(image(steps.reshape(256, 256)), Sample.UINT8).numpy()
    assert np.array_equal(reduced.ravel(), np.round(steps / 257).astype(np.uint8))


@pytest.mark.parametrize("format", [PictureFormat.JPEG, PictureFormat.WEBP])
def test_what_a_format_cannot_hold_is_a_warning(tmp_path: Path, format: PictureFormat) -> None:
    options = EncodeOptions(format=format)
    deep = photo().astype(np.uint16) * 257
    alpha = np.full(deep.shape[:2], 30_000, np.uint16)
    done = encode(deep, alpha=alpha, facts=facts(bits=16), target=tmp_path / "o", options=options)
    told = " ".join(done.warnings)
    assert "16 were rounded to 8" in told
    assert ("transparency" in told) == (format is PictureFormat.JPEG)
    assert read(done.path).hasalpha() == (format is PictureFormat.WEBP)


def test_an_alpha_that_hides_nothing_is_no_reason_to_fail(tmp_path: Path) -> None:
    opaque = np.full(photo().shape[:2], 255, np.uint8)
    options = EncodeOptions(format=PictureFormat.WEBP)
    done = encode(photo(), alpha=opaque, facts=facts(), target=tmp_path / "o", options=options)
    assert (done.width, done.height) == (96, 64)


def test_a_memory_map_is_encoded_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "canvas.npy", photo())
    canvas = np.load(tmp_path / "canvas.npy", mmap_mode="r")
    options = EncodeOptions(format=PictureFormat.PNG)
    done = encode(canvas, alpha=None, facts=facts(), target=tmp_path / "o", options=options)
    assert np.array_equal(read(done.path).numpy(), photo())


@pytest.mark.parametrize(("format", "width"), [(PictureFormat.WEBP, 16_384), (PictureFormat.JPEG, 65_501)])
def test_a_side_beyond_the_format_is_told_before_writing(
    tmp_path: Path, format: PictureFormat, width: int
) -> None:
    strip = np.zeros((1, width, 3), np.uint8)
    with pytest.raises(EncodeFailed, match=r"needed a smaller size or .*png.*tiff") as caught:
        encode(strip, alpha=None, facts=facts(), target=tmp_path / "o", options=EncodeOptions(format=format))
    assert format not in str(caught.value).split("smaller size or ")[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_longest_side_that_a_format_takes_is_written(tmp_path: Path, format: PictureFormat) -> None:
    width = HOLDS[format].side_px or 66_000
    strip = np.zeros((2, width, 3), np.uint8)
    options = EncodeOptions(format=format)
    assert encode(strip, alpha=None, facts=facts(), target=tmp_path / "o", options=options).width == width


def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    options = EncodeOptions(format=PictureFormat.PNG)
    with pytest.raises(EncodeFailed, match="No such file"):
        encode(photo(), alpha=None, facts=facts(), target=tmp_path / "none" / "o", options=options)
    full = Path("/dev/full")
    if full.exists():
        link = tmp_path / "o.png"
        link.symlink_to(full)
        with pytest.raises(EncodeFailed):
            encode(photo(), alpha=None, facts=facts(), target=link, options=options)
        assert not link.is_symlink()


@pytest.mark.parametrize(
    ("wanted", "size"), [(48, (48, 32)), (192, (192, 128)), ((40, 40), (40, 40)), ((1, 1), (1, 1))]
)
@pytest.mark.parametrize("bits", [8, 16])
def test_an_asked_size_is_met_exactly(
    tmp_path: Path, wanted: int | tuple[int, int], size: tuple[int, int], bits: int
) -> None:
    canvas = photo() if bits == 8 else photo().astype(np.uint16) * 257
    alpha = np.full(canvas.shape[:2], 2**bits - 1, canvas.dtype)
    options = EncodeOptions(format=PictureFormat.PNG, size=wanted)
    done = encode(canvas, alpha=alpha, facts=facts(bits=bits), target=tmp_path / "o", options=options)
    written = read(done.path)
    assert (done.width, done.height) == (written.width, written.height) == size
    assert written.numpy().dtype == canvas.dtype
    assert written.numpy()[:, :, 3].min() == 2**bits - 1


def test_an_orientation_of_the_source_does_not_come_back(sandbox: Sandbox, tmp_path: Path) -> None:
    with_orientation(image(photo()), 6).jpegsave(tmp_path / "a.jpg")
    working = sandbox.decode(tmp_path / "a.jpg", tmp_path / "scratch")
    target = tmp_path / "out.jpg"
    encode(working.pixels, alpha=None, facts=working.facts, target=target, options=EncodeOptions())
    again = sandbox.inspect(target)
    assert (again.format, again.orientation, again.width, again.height) == (Format.JPEG, 1, 64, 96)
