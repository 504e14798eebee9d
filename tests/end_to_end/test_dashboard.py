"""What people do with batches in a real browser, and who may."""

from typing import Any

import pytest

from giornata.cluster.service.auth import Access, AccessRole, Person
from giornata.jobs.model.states import ItemState
from tests.support.browsers import Browser, comes_true, ready
from tests.support.galleries import COUNT, Gallery

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ANNA, VIC = "a-token-of-annas", "a-token-of-vics-"
PEOPLE = [(ANNA, Person("anna", AccessRole.OPERATOR)), (VIC, Person("vic", AccessRole.VIEWER))]


def confirm(page: Any, words: str) -> None:
    """Answer the question that has come up, whose title says `words`."""
    title = page.locator("#confirm-title")
    title.wait_for()
    assert words in title.inner_text()
    page.click("#confirm-yes")


def test_a_batch_is_submitted_fills_its_mosaic_is_paused_resumed_and_retried(
    gallery: Gallery, browser: Browser
) -> None:
    with gallery.open() as url, browser.page(url) as page:
        ready(page, "/")
        assert "The wall is bare" in page.inner_text("main")
        page.click("text=New batch")
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        for field, words in (
            ("name", "Autumn"),
            ("base", str(gallery.root)),
            ("inputs", "scans"),
            ("destination", "out"),
        ):
            page.fill(f"#{field}", words)
        page.check("#names input[value=wave]")
        page.click("#check")
        page.wait_for_selector("#plan:not([hidden])")
        assert f"{COUNT + 2}" in page.inner_text("#plan")
        browser.shoot(page, "submit")
        page.click("button:has-text('Submit')")
        page.wait_for_url("**/jobs/autumn-*")
        job_id = page.url.rsplit("/", 1)[1]

        comes_true(page, "document.querySelector('#cells').dataset.drawn > 0")
        comes_true(page, "Number(document.querySelector('[data-count=done]').textContent) > 3")
        page.click("[data-act=pause]")
        confirm(page, "Pause")
        page.wait_for_selector("#job[data-state=paused]")
        waiting = page.inner_text("[data-count=queued]")
        assert int(waiting) == gallery.store.jobs.snapshot(job_id).counts[ItemState.QUEUED] > 0
        browser.shoot(page, "paused")

        page.click("[data-act=resume]")
        confirm(page, "Go on")
        page.wait_for_selector("#job[data-state=completed_with_failures]")
        assert page.inner_text("[data-count=done]") == str(COUNT + 1)
        assert page.inner_text("[data-count=quarantined]") == "1"

        gallery.painter.mend(gallery.root / "scans" / "torn.jpg")
        page.click("[data-act=retry]")
        confirm(page, "Retry what failed?")
        page.wait_for_selector("#job[data-state=completed]")
        assert page.inner_text("[data-count=done]") == str(COUNT + 2)
        browser.shoot(page, "completed")
    assert [event.actor for event in gallery.store.events.page(kinds=["pause", "resume"])] == [
        "local",
        "local",
    ]


def test_a_job_is_cancelled_and_says_what_that_costs(gallery: Gallery, browser: Browser) -> None:
    gallery.painter.pause_s = 0.4
    with gallery.open() as url, browser.page(url) as page:
        job_id = gallery.job_service.submit(gallery.spec(), base=gallery.root).job.job_id
        ready(page, f"/jobs/{job_id}")
        page.wait_for_selector("#job[data-state=running]")
        page.click("[data-act=cancel]")
        page.locator("#confirm-title").wait_for()
        assert "will not be rendered" in page.inner_text("#confirm-words")
        confirm(page, "Cancel this job?")
        page.wait_for_selector("#job[data-state=cancelled]")
        assert int(page.inner_text("[data-count=cancelled]")) > 10
        browser.shoot(page, "cancelled")


def test_many_items_are_skipped_and_retried_at_once_after_their_number_is_said(
    gallery: Gallery, browser: Browser
) -> None:
    job_id = gallery.listed()
    gallery.job_service.pause(job_id)
    with gallery.open() as url, browser.page(url) as page:
        ready(page, f"/jobs/{job_id}")
        for number in (0, 1, 4):
            page.check(f"#item-rows tr[data-position='{number}'] input")
        assert page.inner_text("#picked") == "3 chosen"
        page.click("[data-bulk=skip]")
        confirm(page, "Skip 3 items?")
        comes_true(page, "document.querySelector('[data-count=skipped]').textContent === '3'")
        page.click("#legend [data-state=queued]")
        comes_true(page, f"document.querySelectorAll('#item-rows tr').length === {COUNT - 1}")
        page.click("[data-bulk=skip]")
        confirm(page, f"Skip {COUNT - 1} items?")
        comes_true(page, f"document.querySelector('[data-count=skipped]').textContent === '{COUNT + 2}'")
        ready(page, f"/jobs/{job_id}?state=skipped")
        page.check("#pick-all")
        page.click("[data-bulk=retry]")
        confirm(page, f"Retry {COUNT + 2} items?")
        comes_true(page, "document.querySelector('[data-count=skipped]').textContent === '0'")
    assert gallery.store.jobs.snapshot(job_id).counts[ItemState.QUEUED] == COUNT + 2


def test_the_mosaic_is_walked_with_keys_filtered_by_chips_and_opens_an_image(
    shown: tuple[Gallery, str, str], browser: Browser
) -> None:
    _, url, job_id = shown
    with browser.page(url) as page:
        ready(page, f"/jobs/{job_id}")
        comes_true(page, "document.querySelector('#cells').dataset.drawn > 0")
        page.click("#legend [data-state=quarantined]")
        page.wait_for_url("**?state=quarantined")
        comes_true(page, "document.querySelectorAll('#item-rows tr').length === 1")
        assert "torn" in page.inner_text("#item-rows")
        assert "all 1 that are shown" in page.inner_text("#picked")
        page.go_back()
        comes_true(page, "document.querySelectorAll('#item-rows tr').length > 20")
        page.focus("#cells")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#mosaic-says") == "Item 2: done"
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/jobs/{job_id}/items/*")
        assert "plate-0000" in page.inner_text("h1")


def test_failures_are_told_by_cause_with_their_count(
    shown: tuple[Gallery, str, str], browser: Browser
) -> None:
    _, url, job_id = shown
    with browser.page(url) as page:
        ready(page, f"/failures?job={job_id}")
        assert "The source cannot be rendered" in page.inner_text("main")
        assert "reading <source>: the picture ends half way" in page.inner_text("main")
        page.click("[data-retry]")
        page.locator("#confirm-title").wait_for()
        assert page.inner_text("#confirm-title") == "Retry 1 item?"
        browser.shoot(page, "failures")
        page.click("button[value=no]")


def test_a_wrong_token_stays_outside_a_right_one_comes_in_and_a_viewer_cannot_change(
    gallery: Gallery, browser: Browser
) -> None:
    job_id = gallery.listed()
    with gallery.open(access=Access(PEOPLE)) as url:
        with browser.page(url) as page:
            page.goto(f"/jobs/{job_id}")
            assert "/login?next=" in page.url
            page.wait_for_selector("html[data-ready=yes]", state="attached")
            page.fill("#token", "a-token-of-nobody")
            page.click("text=Sign in >> nth=-1")
            page.wait_for_selector("#refused:not([hidden])")
            assert page.inner_text("#refused") == "nobody has this token"
            browser.shoot(page, "login")
            page.wrong.clear()  # the browser itself reports the 401
            page.fill("#token", ANNA)
            page.keyboard.press("Enter")
            page.wait_for_url(f"**/jobs/{job_id}")
            assert "anna" in page.inner_text(".who")
            assert page.context.cookies()[0]["httpOnly"]
            assert page.context.cookies()[0]["sameSite"] == "Strict"
            page.wait_for_selector("html[data-ready=yes]", state="attached")
            page.click("[data-sign-out]")
            page.wait_for_url("**/login")
            page.goto("/")
            assert "/login" in page.url
        with browser.page(url) as page:
            page.goto("/login")
            page.wait_for_selector("html[data-ready=yes]", state="attached")
            page.fill("#token", VIC)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{url}/")
            ready(page, f"/jobs/{job_id}")
            assert page.locator("[data-act]").count() == 0
            order = "{method: 'POST', body: '{}', headers: {'content-type': 'application/json'}}"
            refused = page.evaluate(f"fetch('/api/gc', {order}).then((answer) => answer.status)")
            assert refused == 403
            page.wrong.clear()
