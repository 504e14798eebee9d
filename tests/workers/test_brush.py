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

from giornata.jobs.choices import PictureFormat
from giornata.jobs.cropping import CropNeed, TaskCrop
from giornata.jobs.task import Brush, BrushUnit, RenderTask
from giornata.workers import bands, resample
from giornata.workers.brush import (
    LARGEST_SCALE,
    Strokes,
    detail_share,
    scale_for,
    sized_strokes,
    stroked,
    wanted_px,
)
from giornata.workers.errors import EffectRefused
from giornata.workers.picture import to_float
from giornata.workers.render import Renderer, RenderSettings
from giornata.workers.resample import Kernel, Resampler
from giornata.workers.sandbox import Sandbox
from giornata.workers.similarity import LUMA, ssim
from giornata.workers.working import WorkingPicture
from tests.workers.pictures import image

torch.set_num_threads(1)
Samples = npt.NDArray[Any]


def photo(height: int = 120, width: int = 160) -> Samples:
    return np.ascontiguousarray(skimage.data.astronaut()[40 : 40 + height, 140 : 140 + width])


def decoded(folder: Path, sandbox: Sandbox, *, dpi: float | None = None) -> WorkingPicture:
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


def wanted(one: RenderTask, working: WorkingPicture) -> float:
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


def blurred(working: WorkingPicture, folder: Path) -> Path:
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
    one = RenderTask(**plain, source=str(source), target=str(target), format=PictureFormat.PNG, **words)
    renderer.render(one, target)
    return to_float(pyvips.Image.new_from_file(str(target)).numpy())


@pytest.mark.slow
def test_a_poster_and_a_postcard_of_one_photo_look_alike(tmp_path: Path) -> None:
    """What differs (one minus the likeness) is at most a third of what it is without a brush."""
    poster = skimage.data.astronaut()
    postcard = Resampler((512, 512), (160, 160), Kernel.LANCZOS).whole(poster)
    for name, samples in (
        ("poster", poster),
        ("postcard", np.rint(postcard.clip(0, 1) * 255).astype(np.uint8)),
    ):
        image(samples).write_to_file(str(tmp_path / f"{name}.png"))
    renderer = Renderer(RenderSettings(scratch=tmp_path / "scratch"))
    shrink = Resampler((512, 512), (160, 160), Kernel.LANCZOS)
    differs = {}
    try:
        for how, words in (("plain", {}), ("brush", {"brush": {"value": 0.06, "unit": "relative"}})):
            small = rendered(renderer, tmp_path / "postcard.png", tmp_path / "a.png", **words)
            large = rendered(renderer, tmp_path / "poster.png", tmp_path / "b.png", **words)
            differs[how] = 1 - ssim(shrink.whole(large) @ LUMA, small @ LUMA)
    finally:
        renderer.close()
    assert differs["brush"] < differs["plain"] / 3


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
