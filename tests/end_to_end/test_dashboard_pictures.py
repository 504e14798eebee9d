"""The page of an image in a real browser, and the page on which styles are tried."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.paths import SIDECAR
from giornata.jobs.model.states import ItemState
from giornata.workers.tiling.canvas import Canvas, new_canvas
from giornata.workers.tiling.grid import TileGrid
from tests.support.browsers import Browser, comes_true, ready
from tests.support.galleries import Gallery, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_the_slider_moves_by_hand_and_by_key_and_the_zoom_opens(
    shown: tuple[Gallery, str, str], browser: Browser
) -> None:
    gallery, url, job_id = shown
    item = next(gallery.store.items.all(job_id, [ItemState.DONE]))
    with browser.page(url) as page:
        ready(page, f"/jobs/{job_id}/items/{item.item_id}")
        for side in ("before", "after"):
            comes_true(page, f"document.querySelector('#{side}').naturalWidth > 2")
        page.wait_for_selector("#slider:not([hidden])")
        box = page.locator("#compare").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=5)
        page.mouse.up()
        at = float(page.eval_on_selector("#compare", "one => one.style.getPropertyValue('--at')").rstrip("%"))
        assert 20 < at < 30
        browser.shoot(page, "image")
        page.focus("#slider")
        page.keyboard.press("ArrowRight")
        moved = float(
            page.eval_on_selector("#compare", "one => one.style.getPropertyValue('--at')").rstrip("%")
        )
        assert moved == pytest.approx(at + 2, abs=0.2)
        page.click("[data-view=zoom]")
        page.wait_for_selector("#zoom[data-open=yes], #zoom img")
        page.wait_for_timeout(300)
        browser.shoot(page, "zoom")


def lay_out(scratch: Path, item_id: str) -> Canvas:
    """The canvas of a large picture, as the worker that decodes it leaves it."""
    folder = scratch / PICTURES / f"{item_id}-large"
    folder.mkdir(parents=True)
    grid = TileGrid(width=1200, height=800, core_px=256, stride=4, halo_px=64, overlap_px=64)
    new_canvas(folder / "canvas.npy", 800, 1200, np.uint8)
    pixels = np.load(folder / "canvas.npy", mmap_mode="r+")
    canvas = Canvas(grid, pixels, folder / "strips", worker="render-0.0")
    (folder / "prepared.json").write_text(json.dumps({"core_px": grid.core_px}))
    return canvas


def paint(canvas: Canvas, tiles: range) -> None:
    for tile in (canvas.grid[index] for index in tiles):
        shade = np.full((tile.reach.height, tile.reach.width, 3), 0.2 + 0.05 * tile.index, np.float32)
        canvas.add(tile, shade)


def test_a_large_picture_grows_tile_by_tile_with_worker_and_time(gallery: Gallery, browser: Browser) -> None:
    gallery.painter.slow = "plate-0000"
    with gallery.open() as url, browser.page(url) as page:
        job_id = gallery.job_service.submit(gallery.spec(), base=gallery.root).job.job_id
        until(lambda: gallery.store.jobs.snapshot(job_id).counts.get(ItemState.DONE, 0) > 3)
        item = next(one for one in gallery.store.items.all(job_id) if "plate-0000" in one.source)
        canvas = lay_out(gallery.root / "scratch", item.item_id)
        paint(canvas, range(4))
        ready(page, f"/jobs/{job_id}/items/{item.item_id}")
        comes_true(page, "document.querySelector('#tile-says').textContent.startsWith('4 of 20 tiles')")
        comes_true(page, "document.querySelector('#after').naturalWidth === 1200")
        assert page.get_attribute("#tiles", "data-drawn") == "borders"
        paint(canvas, range(4, 20))
        comes_true(page, "document.querySelector('#tile-says').textContent.startsWith('20 of 20 tiles')")
        assert "render-0.0: 20 tiles" in page.inner_text("#tile-says")
        told = page.evaluate(f"fetch('/growing/{job_id}/{item.item_id}').then((answer) => answer.json())")
        assert {one["worker"] for one in told["done"]} == {"render-0.0"}
        assert [one["took_s"] is None for one in told["done"]] == [True] + [False] * 19
        page.wait_for_timeout(300)
        browser.shoot(page, "growing")
        gallery.painter.slow = ""
        page.wait_for_selector("#image[data-state=done]")


def test_what_lies_beside_a_picture_is_shown_with_its_seams(
    shown: tuple[Gallery, str, str], browser: Browser
) -> None:
    gallery, url, job_id = shown
    item = next(gallery.store.items.all(job_id, [ItemState.DONE]))
    tiles = {"core_px": 256, "overlap_px": 64, "halo_px": 64, "stride_px": 4, "columns": 3, "rows": 2}
    done = {"worker": "render-1.0", "at_s": 0.0, "took_s": None}
    tiles["painted"] = [{**done, "index": index} for index in range(6)]
    facts = {"width": item.width, "height": item.height, "orientation": 1}
    made = {"seed": 7, "tiles": tiles, "source": {"facts": facts}, "parameters": {}}
    Path(item.target + SIDECAR).write_text(json.dumps(made))
    with browser.page(url) as page:
        ready(page, f"/jobs/{job_id}/items/{item.item_id}")
        page.wait_for_selector("#made:not([hidden])")
        assert '"seed": 7' in page.inner_text("#provenance")
        assert page.inner_text("#tile-says").startswith("6 tiles (3 × 2)")
        assert "render-1.0: 6 tiles" in page.inner_text("#tile-says")
        comes_true(page, "document.querySelector('#after').naturalWidth > 2")
        page.check("#show-seams")
        assert page.get_attribute("#tiles", "data-drawn") == "seams"
        yellow = "[...document.querySelector('#tiles').getContext('2d').getImageData({}, {}, 1, 1).data][3]"
        box = page.locator("#tiles").bounding_box()
        first = 4 * (item.width // 4 // 3) / item.width  # where the first column of tiles ends
        at = [int(box["width"] * first), int(box["height"] / 4)]
        assert page.evaluate(yellow.format(*at)) > 0
        assert page.evaluate(yellow.format(int(box["width"] * first / 2), at[1])) == 0
        page.check("#show-tiles")
        page.uncheck("#show-seams")
        assert page.get_attribute("#tiles", "data-drawn") == "borders"
        with page.expect_download() as kept:
            page.click("#download")
        assert Path(kept.value.path()).read_bytes() == Path(item.target).read_bytes()


def test_a_result_that_cannot_be_shown_says_so(shown: tuple[Gallery, str, str], browser: Browser) -> None:
    gallery, url, job_id = shown
    item = list(gallery.store.items.all(job_id, [ItemState.DONE]))[-1]
    Path(item.target).unlink()
    with browser.page(url) as page:
        ready(page, f"/jobs/{job_id}/items/{item.item_id}")
        page.wait_for_selector("#no-result:not([hidden])")
        assert page.locator("#download").count() == 0


def test_styles_are_mixed_on_a_picture_that_was_brought(
    shown: tuple[Gallery, str, str], browser: Browser, tmp_path: Path
) -> None:
    _, url, _ = shown
    Image.effect_mandelbrot((900, 500), (-2, -1, 1, 1), 60).convert("RGB").save(tmp_path / "own.png")
    (tmp_path / "words.png").write_bytes(b"no picture")
    with browser.page(url) as page:
        ready(page, "/styles")
        page.set_input_files("#upload", tmp_path / "words.png")
        page.wait_for_selector(".toast.bad")
        assert "the picture was refused" in page.inner_text(".toast.bad")
        page.wrong.clear()  # the browser itself reports the 422
        page.set_input_files("#upload", tmp_path / "own.png")
        comes_true(page, "document.querySelector('#trial').naturalWidth === 640")
        assert page.evaluate("document.querySelector('#trial').naturalHeight") == 356
        page.click("[data-style=udnie] button")
        page.click("[data-style=great-wave] button")
        comes_true(page, "document.querySelector('#trial').dataset.mix === 'udnie great-wave'", patience_s=60)
        assert page.inner_text("[data-mixed=udnie] output") == "50 %"
        browser.shoot(page, "mix")
        page.click("#house")
        comes_true(page, "document.querySelector('#trial').naturalHeight === 400", patience_s=60)
