"""Of a pyramid only the level that is shown is read: from a disk, and over ranges from a bucket."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from giornata.jobs.planning.tiff import WIDTH, from_descriptor, level_for, levels_of, read_pages
from giornata.jobs.spec.enums import Pages
from giornata.jobs.storage.local import LOCAL
from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.decoding.remote_header import PartialFile, copy_level, joined
from giornata.workers.decoding.sandbox import Sandbox

SIDE = 2048
KINDS: dict[str, dict[str, object]] = {
    "below": {"subifd": True, "bigtiff": True, "compression": "deflate"},
    "following": {"compression": "jpeg", "Q": 95},
    "classic below": {"subifd": True, "compression": "lzw"},
}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits()) as opened:
        yield opened


def pyramid(path: Path, **more: object) -> pyvips.Image:
    """A landscape of waves with a wide-gamut profile, to be turned by 90 degrees."""
    y, x = np.mgrid[: SIDE // 2, :SIDE] / 200
    waves = np.stack([np.sin(x + y), np.cos(x * 2), np.sin(y * 3)], 2) * 100 + 128
    waves += np.random.default_rng(0).normal(0, 4, waves.shape)  # a file that is not small
    image = pyvips.Image.new_from_array(waves.clip(0, 255).astype(np.uint8), interpretation="srgb")
    image = image.icc_transform("p3", input_profile="srgb", embedded=False)
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.tiffsave(str(path), tile=True, pyramid=True, **more)
    return image


def shown(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def test_the_smallest_level_that_is_large_enough_stands_for_its_page(tmp_path: Path, kind: str) -> None:
    pyramid(tmp_path / "a.tif", **KINDS[kind])
    with (tmp_path / "a.tif").open("rb") as file:
        pages = read_pages(from_descriptor(file.fileno()))
        assert [level.value(WIDTH, 0) for level in levels_of(pages[0], pages)] == [1024, 512, 256, 128]
        chosen = {side: level_for(pages[0], pages, side_px=side).value(WIDTH, 0) for side in (100, 129, 1025)}
        assert chosen == {100: 128, 129: 256, 1025: 2048}


def test_a_preview_from_a_level_is_that_of_the_whole(tmp_path: Path, kind: str, sandbox: Sandbox) -> None:
    pyramid(tmp_path / "a.tif", **KINDS[kind])
    for name, level_px in (("whole", None), ("level", 200)):
        reading = DecodeOptions(pages=Pages.FIRST, level_px=level_px)
        sandbox.thumbnail(tmp_path / "a.tif", tmp_path / name, side_px=200, reading=reading)
    whole, level = shown(tmp_path / "whole"), shown(tmp_path / "level")
    assert whole.shape == level.shape == (200, 100, 3)  # turned upright
    assert abs(whole - level).mean() < 3  # of noise; another turn or profile is tens
    assert abs((whole - level).mean((0, 1))).max() < 1.5


def test_only_the_level_is_brought_and_that_is_enough(tmp_path: Path, kind: str, sandbox: Sandbox) -> None:
    original = tmp_path / "a.tif"
    pyramid(original, **KINDS[kind])
    store = LOCAL.at(str(original))
    entry = store.stat(str(original))
    assert entry is not None
    with PartialFile(store, entry, tmp_path / "near.tif") as copy:
        assert copy_level(copy, page=0, side_px=200, most_bytes=1 << 30, source="a.tif")
    assert (tmp_path / "near.tif").stat().st_blocks * 512 < 0.2 * entry.bytes
    reading = DecodeOptions(pages=Pages.FIRST, level_px=200)
    for name in ("a", "near"):
        sandbox.thumbnail(tmp_path / f"{name}.tif", tmp_path / name, side_px=200, reading=reading)
    assert (shown(tmp_path / "a") == shown(tmp_path / "near")).all()


def test_what_is_too_much_or_no_tiff_is_not_brought(tmp_path: Path) -> None:
    pyramid(tmp_path / "a.tif", compression="deflate")
    Image.new("RGB", (30, 20)).save(tmp_path / "b.png")
    for name, most, page in (("a.tif", 100, 0), ("a.tif", 1 << 30, 1), ("b.png", 1 << 30, 0)):
        store = LOCAL.at(str(tmp_path / name))
        entry = store.stat(str(tmp_path / name))
        assert entry is not None
        with PartialFile(store, entry, tmp_path / "near") as copy:
            assert not copy_level(copy, page=page, side_px=200, most_bytes=most, source=name)


def test_runs_that_are_nearly_side_by_side_are_asked_for_at_once() -> None:
    near, far = [(0, 10), (20, 10), (1 << 20, 5)], 1 << 20
    assert list(joined(near)) == [(0, 30), (far, 5)]
    assert list(joined([(i << 20, 1 << 20) for i in range(9)])) == [(0, 8 << 20), (8 << 20, 1 << 20)]
    assert list(joined([])) == []


def test_a_copy_of_another_kind_does_not_stand_for_its_page(tmp_path: Path, sandbox: Sandbox) -> None:
    pages = [Image.new("RGB", (600, 400), "red"), Image.new("L", (300, 200), 255)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with (tmp_path / "a.tif").open("r+b") as file:
        found = read_pages(from_descriptor(file.fileno()))
        assert len(found) == 2
        assert level_for(found[0], found, side_px=200) is found[0]
