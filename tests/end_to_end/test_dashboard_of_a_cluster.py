"""The dashboard of a real service: a batch is submitted in a browser, painted by Ray's workers and kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
import pyvips
import skimage.data
from PIL import Image

from tests.support.browsers import DOCS, Browser, chromium, comes_true, keep_small, shots_folder

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.browser]
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main", "up", "--port", "0", "--workers", "2"]
PATIENCE_MS = 120_000
COUNT = 6


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """The address of `giornata up`, whose state lives in `folder`."""
    apart = {name: word for name, word in os.environ.items() if not name.startswith("GIORNATA_")}
    environment = {**apart, "GIORNATA_HOME": str(folder / "home")}
    process = subprocess.Popen(WORDS, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr is not None
        yield process.stderr.readline().split("listening on ")[1].split(",")[0].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def hang_cats(folder: Path) -> None:
    """Small pictures, the last of which is cut into several tiles."""
    folder.mkdir()
    cat = pyvips.Image.new_from_array(skimage.data.chelsea())
    for number in range(COUNT):
        cat.resize(0.4 if number < COUNT - 1 else 2.0).pngsave(str(folder / f"cat-{number}.png"))


def test_a_batch_goes_from_the_form_through_real_workers_to_a_file_that_is_kept(tmp_path: Path) -> None:
    hang_cats(tmp_path / "scans")
    with service(tmp_path) as url, chromium() as driver:
        browser = Browser(driver, shots_folder(tmp_path / "shots"))
        with browser.page(url) as page:
            page.set_default_timeout(PATIENCE_MS)
            page.goto("/submit")  # while Ray starts: the page that waits becomes the one that was asked for
            page.wait_for_selector("body[data-page=submit]")
            page.wait_for_selector("html[data-ready=yes]", state="attached")
            page.wrong.clear()  # the browser itself reports the 503
            for field, words in (("name", "Cats"), ("inputs", "scans"), ("destination", "out")):
                page.fill(f"#{field}", words)
            page.fill("#base", str(tmp_path))
            page.check("#names input[value=udnie]")
            page.click("button:has-text('Submit')")
            page.wait_for_url("**/jobs/cats-*")
            comes_true(page, "document.querySelector('#cells').dataset.drawn > 0")
            page.wait_for_selector("#job[data-state=completed]")
            assert page.inner_text("[data-count=done]") == str(COUNT)
            comes_true(page, "document.querySelector('#latest').naturalWidth > 2")
            browser.shoot(page, "cluster-job")

            page.click(f"#item-rows tr[data-position='{COUNT - 1}'] td.name a")
            page.wait_for_selector("#slider:not([hidden])")
            box = page.locator("#compare").bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2, steps=4)
            page.mouse.up()
            at = page.eval_on_selector("#compare", "one => one.style.getPropertyValue('--at')")
            assert 25 < float(at.rstrip("%")) < 35
            page.wait_for_selector("#made:not([hidden])")
            assert '"name": "udnie"' in page.inner_text("#provenance")
            with page.expect_download() as kept:
                page.click("#download")
            assert kept.value.suggested_filename == page.inner_text("h1")
            with Image.open(BytesIO(Path(kept.value.path()).read_bytes())) as picture:
                assert picture.size == (902, 600)
            browser.shoot(page, "cluster-image")
            if "GIORNATA_DOCS" in os.environ:
                keep_small(page, DOCS / "dashboard-image.png")
            page.goto("/workers")
            page.wait_for_selector("[data-worker='render-0.0']")
