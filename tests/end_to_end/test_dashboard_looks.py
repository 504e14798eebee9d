"""Every page of the dashboard: that it fits its window and reads well, and its picture for the front page."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from giornata.jobs.states import ItemState
from giornata.styles.library import Library
from tests.browsers import NARROW, Browser, comes_true, ready, serious
from tests.galleries import NASTY, Gallery, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]
DOCS = Path(__file__).parents[2] / "docs"


def test_a_name_made_of_markup_is_text_on_every_page(
    shown: tuple[Gallery, str, str], browser: Browser
) -> None:
    gallery, url, job_id = shown
    item = next(item for item in gallery.store.items(job_id) if NASTY in item.source)
    nasty = gallery.listed(name=NASTY, destination="elsewhere")
    with browser.page(url) as page:
        for path in (
            "/",
            f"/jobs/{nasty}",
            f"/jobs/{job_id}",
            f"/jobs/{job_id}/items/{item.item_id}",
            "/events",
        ):
            ready(page, path)
            assert page.locator("img[onerror]").count() == 0
        ready(page, f"/jobs/{job_id}/items/{item.item_id}")
        assert NASTY in page.inner_text("main")
        ready(page, f"/jobs/{nasty}")
        assert NASTY in page.inner_text("h1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, (2560, 1300)], ids=["375", "2560"])
def test_every_page_fits_its_window_and_reads_well(
    shown: tuple[Gallery, str, str], browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    gallery, url, job_id = shown
    item = next(gallery.store.items(job_id, [ItemState.DONE]))
    lost = next(gallery.store.items(job_id, [ItemState.QUARANTINED]))
    pages = {
        "jobs": "/",
        "job": f"/jobs/{job_id}",
        "image": f"/jobs/{job_id}/items/{item.item_id}",
        "lost": f"/jobs/{job_id}/items/{lost.item_id}",
        "failures": "/failures",
        "workers": "/workers",
        "styles": "/styles",
        "submit": f"/submit?clone={job_id}",
        "events": "/events",
        "missing": "/jobs/nobody",
    }
    with browser.page(url, size=size, scheme=scheme) as page:
        for name, path in pages.items():
            ready(page, path)
            page.wait_for_timeout(250)
            browser.shoot(page, f"{name}-{size[0]}-{scheme}")
            beside = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert beside <= 0, f"{name} is wider than its window"
            assert serious(page) == [], name
        page.wrong[:] = [line for line in page.wrong if "404" not in line]  # asked for on purpose


@pytest.mark.skipif(
    "GIORNATA_DOCS" not in os.environ, reason="only with GIORNATA_DOCS: writes docs/dashboard-*"
)
def test_the_front_page_has_pictures_of_the_dashboard(tmp_path: Path, browser: Browser) -> None:
    made = Gallery(tmp_path, count=360)
    made.painter.pause_s = 0.0
    with made.store, made.open(library=Library()) as url, browser.page(url, size=(1280, 860)) as page:
        jobs = [
            made.desk.submit(made.spec(name=name, destination=f"out/{name}"), base=made.root).job.job_id
            for name in ("Museum scans", "Autumn campaign")
        ]
        until(lambda: made.store.snapshot(jobs[0]).counts.get(ItemState.DONE, 0) > 130)
        item = list(made.store.items(jobs[0], [ItemState.DONE]))[3]
        pages = {"jobs": "/", "job": f"/jobs/{jobs[0]}", "image": f"/jobs/{jobs[0]}/items/{item.item_id}"}
        for name, path in {**pages, "styles": "/styles", "submit": "/submit"}.items():
            ready(page, path)
            if name == "styles":
                page.click("[data-style=great-wave] button")
                comes_true(
                    page, "document.querySelector('#trial').dataset.mix === 'great-wave'", patience_s=60
                )
                ready_cards = (
                    "[...document.querySelectorAll('.style img')].every((one) => one.naturalWidth > 2)"
                )
                comes_true(page, ready_cards, patience_s=60)
                page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(4000)
            shot = Image.open(io.BytesIO(page.screenshot()))
            small = shot.resize((1024, 688), Image.Resampling.LANCZOS).quantize(255)
            small.save(DOCS / f"dashboard-{name}.png", optimize=True)
