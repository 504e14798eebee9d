"""Strokes come out as wide as was asked, and a poster looks like its postcard."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.crop import CropNeed, TaskCrop
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.values import Brush, BrushUnit
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects import crop as resample
from giornata.workers.effects.brush import (
    LARGEST_SCALE,
    Strokes,
    detail_share,
    scale_for,
    sized_strokes,
    stroked,
    wanted_px,
)
from giornata.workers.effects.crop import Kernel, Resampler
from giornata.workers.errors import EffectRefused
from giornata.workers.rendering.quality import LUMA, ssim
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling import arrays as bands
from giornata.workers.tiling.arrays import to_float
from tests.workers.pictures import image

torch.set_num_threads(1)
Samples = npt.NDArray[Any]


def photo(height: int = 120, width: int = 160) -> Samples:
    return np.ascontiguousarray(skimage.data.astronaut()[40 : 40 + height, 140 : 140 + width])


def decoded(folder: Path, sandbox: Sandbox, *, dpi: float | None = None) -> DecodedImage:
    folder.mkdir(exist_ok=True)
    picture = image(photo())
    if dpi:
        picture = picture.copy(xres=dpi / 25.4, yres=dpi / 25.4)
    picture.write_to_file(str(folder / "photo.png"))
    return sandbox.decode(folder / "photo.png", folder / "source")


def task(unit: BrushUnit, value: float, **words: Any) -> RenderTask:
    plain = {"item_id": "i", "source": "s", "target": "t", "style_label": "l", "mix": {"a": 1.0}}
    brush = Brush(value=value, unit=unit)
    return RenderTask(**plain, brush=brush, format=PictureFormat.PNG, **words)


def wanted(one: RenderTask, working: DecodedImage) -> float:
    assert one.brush is not None
    return wanted_px(one, one.brush, working)


def test_a_stroke_is_measured_in_the_delivered_picture(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox, dpi=254)
    assert wanted(task(BrushUnit.PX, 12), working) == 12
    assert wanted(task(BrushUnit.PX, 12, size=80), working) == pytest.approx(24)
    assert wanted(task(BrushUnit.RELATIVE, 0.1), working) == pytest.approx(16)
    assert wanted(task(BrushUnit.RELATIVE, 0.1, size=80), working) == pytest.approx(16)
    assert wanted(task(BrushUnit.MM, 2), working) == pytest.approx(20, rel=1e-3)
    square = TaskCrop(label="1:1", need=CropNeed(aspect=1, size=240))
    assert wanted(task(BrushUnit.PX, 12, crop=square), working) == pytest.approx(6)


def test_millimetres_need_a_resolution(tmp_path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(EffectRefused, match="2 mm and no resolution, needed a picture that says its DPI"):
        wanted(task(BrushUnit.MM, 2), decoded(tmp_path, sandbox))


@settings(max_examples=60, deadline=None)
@given(native=st.floats(3, 20), asked=st.floats(0.1, 1e5), side=st.integers(1, 30_000))
def test_a_scale_is_always_worth_painting(native: float, asked: float, side: int) -> None:
    scale = scale_for(native, asked, (side, 2 * side))
    assert 0 < scale <= LARGEST_SCALE
    assert scale >= 1 or round(side * scale) >= min(32, side)
    assert 0 <= detail_share(scale) <= 1


def test_detail_counts_without_a_jump() -> None:
    shares = [detail_share(scale) for scale in np.geomspace(2, 0.1, 200)]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert np.diff(shares).min() >= 0
    assert np.diff(shares).max() < 0.03


def blurred(working: DecodedImage, folder: Path) -> Path:
    """A stand-in for painting: what it paints is what it sees."""
    folder.mkdir(parents=True)
    np.save(folder / "canvas.npy", working.pixels)
    return folder / "canvas.npy"


def test_a_style_that_changes_nothing_gives_the_picture_back_with_any_brush(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    working = decoded(tmp_path, sandbox)
    for n, px in enumerate((4.0, 12.0, 60.0)):
        sized = sized_strokes(working, tmp_path / f"{n}", native_px=8, wanted_px=px, paint=blurred)
        assert sized is not None
        painting, strokes = sized
        (tmp_path / f"f{n}").mkdir()
        rows = stroked(painting.pixels, strokes, (120, 160), folder=tmp_path / f"f{n}")
        made, source = rows(slice(0, 120)), to_float(photo())
        low = Resampler((120, 160), (15, 20), Kernel.LANCZOS)
        assert np.abs(low.whole(made) - low.whole(source)).max() < 0.05
        assert made.shape == source.shape


def test_the_native_stroke_needs_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    working = decoded(tmp_path, sandbox)
    assert sized_strokes(working, tmp_path / "b", native_px=8, wanted_px=8.05, paint=blurred) is None


def test_strokes_beyond_what_a_picture_can_have_are_bounded_and_said(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    working = decoded(tmp_path, sandbox)
    for name, px, words in (("broad", 500.0, "30 px are the broadest"), ("fine", 0.5, "2 px are the finest")):
        sized = sized_strokes(working, tmp_path / name, native_px=8, wanted_px=px, paint=blurred)
        assert sized is not None
        assert sized[1].warnings == (f"strokes of {px:g} px were asked for; {words} this picture can have",)


@pytest.mark.parametrize("detail", [0.0, 0.6])
def test_rows_do_not_depend_on_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detail: float) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 65536, (30, 41, 3)).astype(np.uint16)
    canvas = random.integers(0, 65536, (90, 120, 3)).astype(np.uint16) if detail else coarse
    np.save(tmp_path / "coarse.npy", coarse)
    strokes = Strokes(
        native_px=8,
        painted_px=24,
        height=30,
        width=41,
        coarse_path=tmp_path / "coarse.npy" if detail else None,
        detail=detail,
    )
    whole = stroked(canvas, strokes, (90, 120), folder=tmp_path)(slice(0, 90))
    monkeypatch.setattr(bands, "BAND_PX", 500)
    monkeypatch.setattr(resample, "WORK_PX", 700)
    rows = stroked(canvas, strokes, (90, 120), folder=tmp_path)
    assert np.array_equal(np.concatenate([rows(slice(y, y + 9)) for y in range(0, 90, 9)]), whole)


def rendered(renderer: Renderer, source: Path, target: Path, **words: Any) -> Samples:
    plain = {"item_id": "a" * 20, "style_label": "l", "mix": {"great-wave": 1.0}, "metadata": "minimal"}
    paths = {"source": str(source), "target": str(target)}
    one = RenderTask(**{**plain, **paths, "format": PictureFormat.PNG, **words})
    renderer.render(one, target)
    return to_float(pyvips.Image.new_from_file(str(target)).numpy())


def differences(
    folder: Path, poster: Samples, postcard_px: int, brush: float, style: str
) -> dict[str, float]:
    """One minus the likeness of a poster, made small, and its postcard: without a brush and with one."""
    size = poster.shape[:2]
    shrink = Resampler(size, tuple(round(side * postcard_px / max(size)) for side in size), Kernel.LANCZOS)
    postcard = np.rint(shrink.whole(poster).clip(0, 1) * 255).astype(np.uint8)
    for name, samples in (("poster", poster), ("postcard", postcard)):
        image(samples).write_to_file(str(folder / f"{name}.png"))
    renderer, found = Renderer(RenderSettings(scratch=folder / "scratch")), {}
    try:
        for how, words in (("plain", {}), ("brush", {"brush": {"value": brush, "unit": "relative"}})):
            words |= {"mix": {style: 1.0}}
            small = rendered(renderer, folder / "postcard.png", folder / "a.png", **words)
            large = rendered(renderer, folder / "poster.png", folder / "b.png", **words)
            found[how] = 1 - ssim(shrink.whole(large) @ LUMA, small @ LUMA)
    finally:
        renderer.close()
    return found


@pytest.mark.slow
def test_a_poster_and_a_postcard_of_one_photo_look_alike(tmp_path: Path) -> None:
    found = differences(tmp_path, skimage.data.astronaut(), 160, 0.06, "great-wave")
    assert found["brush"] < found["plain"] / 3


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("style", ["great-wave", "starry-night"])
def test_a_poster_of_four_times_the_size_differs_eight_times_less_with_a_brush(
    tmp_path: Path, test_data: Path, style: str
) -> None:
    path = test_data / "photos" / "public_domain" / "akc_nyc_mulberry_street_c1900.jpg"
    photo = pyvips.Image.new_from_file(str(path))
    poster = photo.resize(2048 / photo.width).numpy()
    found = differences(tmp_path, poster, 512, 0.02, style)
    assert found["brush"] < found["plain"] / 8


@pytest.mark.slow
def test_tiles_make_no_difference_to_sized_strokes(tmp_path: Path) -> None:
    image(photo(200, 260)).write_to_file(str(tmp_path / "photo.png"))
    renderer = Renderer(RenderSettings(scratch=tmp_path / "scratch"))
    brush = {"value": 20, "unit": "px"}
    try:
        made = [
            rendered(renderer, tmp_path / "photo.png", tmp_path / "o.png", brush=brush, tile_px=tile_px)
            for tile_px in (64, 512)
        ]
    finally:
        renderer.close()
    assert np.abs(made[0] - made[1]).max() <= 1 / 255 + 1e-6
