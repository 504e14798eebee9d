"""Every page of the dashboard: that it fits its window and reads well, and its picture for the front page."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from giornata.cluster.service.auth import Access, AccessRole, Person
from giornata.cluster.service.schemas.base import Role
from giornata.jobs.model.states import ItemState
from giornata.styles.library import Library
from tests.support.browsers import DOCS, NARROW, Browser, comes_true, keep_small, ready, serious
from tests.support.galleries import NASTY, Gallery, until
from tests.support.services import serving

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SIZES = (NARROW, (2560, 1300))


def test_a_name_made_of_markup_is_text_on_every_page(
    shown: tuple[Gallery, str, str], browser: Browser
) -> None:
    gallery, url, job_id = shown
    item = next(item for item in gallery.store.items.all(job_id) if NASTY in item.source)
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
@pytest.mark.parametrize("size", SIZES, ids=["375", "2560"])
def test_every_page_fits_its_window_and_reads_well(
    shown: tuple[Gallery, str, str], browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    gallery, url, job_id = shown
    item = next(gallery.store.items.all(job_id, [ItemState.DONE]))
    lost = next(gallery.store.items.all(job_id, [ItemState.QUARANTINED]))
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
            fits_and_reads_well(page, name)
        page.wrong[:] = [line for line in page.wrong if "404" not in line]  # asked for on purpose


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["375", "2560"])
def test_the_doors_fit_their_window_and_read_well(
    gallery: Gallery, browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    waiting = replace(gallery.job_service, role=lambda: Role.STANDBY)
    access = Access([("a-token-of-annas", Person("anna", AccessRole.OPERATOR))])
    with serving(waiting) as standby, serving(gallery.job_service, access=access) as locked:
        for name, url in (("standby", standby), ("login", locked)):
            with browser.page(url, size=size, scheme=scheme) as page:
                ready(page, "/")
                assert page.get_attribute("body", "data-page") == name
                browser.shoot(page, f"{name}-{size[0]}-{scheme}")
                fits_and_reads_well(page, name)
                page.wrong[:] = [line for line in page.wrong if "503" not in line]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_at_work_read_well(shown: tuple[Gallery, str, str], browser: Browser, scheme: str) -> None:
    gallery, url, job_id = shown
    item = next(gallery.store.items.all(job_id, [ItemState.DONE]))
    with browser.page(url, size=NARROW, scheme=scheme) as page:
        ready(page, f"/jobs/{job_id}?state=quarantined")
        page.click("[data-act=retry]")
        page.locator("#confirm-title").wait_for()
        fits_and_reads_well(page, "question")
        ready(page, f"/jobs/{job_id}/items/{item.item_id}")
        page.check("#show-seams")
        page.click("[data-view=zoom]")
        page.wait_for_selector("#zoom[data-open=yes], #zoom img")
        fits_and_reads_well(page, "zoom")
        ready(page, "/styles")
        page.click("[data-style=udnie] button")
        page.wait_for_selector("[data-mixed=udnie]")
        fits_and_reads_well(page, "mix")
        ready(page, "/submit")
        page.fill("#base", "/nowhere")
        page.click("#check")
        page.wait_for_selector("#refused:not([hidden])")
        fits_and_reads_well(page, "refused")
        page.wrong[:] = [line for line in page.wrong if "422" not in line]  # asked for on purpose


def fits_and_reads_well(page: Any, name: str) -> None:
    beside = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert beside <= 0, f"{name} is wider than its window"
    assert serious(page) == [], name


@pytest.mark.skipif(
    "GIORNATA_DOCS" not in os.environ, reason="only with GIORNATA_DOCS: writes docs/images/dashboard-*"
)
def test_the_front_page_has_pictures_of_the_dashboard(tmp_path: Path, browser: Browser) -> None:
    made = Gallery(tmp_path, count=360)
    made.painter.pause_s = 0.0
    with made.store, made.open(library=Library()) as url, browser.page(url, size=(1280, 860)) as page:
        jobs = [
            made.job_service.submit(
                made.spec(name=name, destination=f"out/{name}"), base=made.root
            ).job.job_id
            for name in ("Museum scans", "Autumn campaign")
        ]
        until(lambda: made.store.jobs.snapshot(jobs[0]).counts.get(ItemState.DONE, 0) > 130)
        pages = {"jobs": "/", "job": f"/jobs/{jobs[0]}"}
        others = ("styles", "submit", "workers", "events", "failures")
        for name, path in {**pages, **{name: f"/{name}" for name in others}}.items():
            if name == "failures":
                until(lambda: all(made.store.jobs.snapshot(job_id).state.is_terminal for job_id in jobs))
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
            keep_small(page, DOCS / f"dashboard-{name}.png")
