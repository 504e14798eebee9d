"""A real headless Chromium, and what the tests of pages ask of every page they open."""

import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
AXE = Path(__file__).resolve().parents[2] / "infra/web/node_modules/axe-core/axe.min.js"
WIDE, NARROW = (1440, 960), (375, 812)
PATIENCE_MS = 20_000
DOCS = Path(__file__).resolve().parents[2] / "docs" / "images"
SHOWN_PX, SHOWN_BYTES = (1024, 900, 800, 700), 150_000  # of a picture on the front page


class Browser:
    """One Chromium for many tests; a page of it fails its test when its console shows an error."""

    def __init__(self, chromium: Any, shots: Path) -> None:
        self._chromium, self.shots = chromium, shots
        shots.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def page(self, url: str, *, size: tuple[int, int] = WIDE, scheme: str = "light") -> Iterator[Any]:
        """A fresh visitor's page whose addresses start from `url`."""
        context = self._chromium.new_context(
            base_url=url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        page, wrong = context.new_page(), []
        page.on(
            "console",
            lambda said: (
                wrong.append(f"{said.text} {said.location.get('url', '')}") if said.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.wrong = wrong
        try:
            yield page
            assert not wrong, wrong
        finally:
            context.close()

    def shoot(self, page: Any, name: str) -> None:
        """Leave a picture of what is on the page."""
        page.screenshot(path=self.shots / f"{name}.png")


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium from this machine; the test is skipped where there is none."""
    if not CHROMIUM:
        pytest.skip("needs chromium, which this machine does not have")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def ready(page: Any, path: str) -> None:
    """Open a path and wait until its scripts run."""
    page.goto(path)
    page.wait_for_selector("html[data-ready=yes]", state="attached")


def comes_true(page: Any, words: str, *, patience_s: float = PATIENCE_MS / 1000) -> None:
    """Wait until an expression is true on the page; its policy forbids to wait for one in there."""
    deadline = time.monotonic() + patience_s
    while not page.evaluate(words):
        assert time.monotonic() < deadline, f"never true: {words}"
        time.sleep(0.05)


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or worse; the test is skipped where it is not installed."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm could not bring it into infra/web")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in bad
        for node in one["nodes"][:4]
    ]


def keep_small(page: Any, path: Path) -> None:
    """A picture of what is on the page for the front page, as wide as its bytes allow."""
    content = "document.querySelector('main').lastElementChild.getBoundingClientRect().bottom + 24"
    size = page.viewport_size
    high = min(size["height"], int(page.evaluate(content)))
    clip = {"x": 0, "y": 0, "width": size["width"], "height": high}
    shot = Image.open(io.BytesIO(page.screenshot(clip=clip)))
    for width in SHOWN_PX:
        small = shot.resize((width, width * shot.height // shot.width), Image.Resampling.LANCZOS)
        small.quantize(255, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= SHOWN_BYTES:
            return


def shots_folder(fallback: Path) -> Path:
    """Where screenshots go: `GIORNATA_SCREENSHOTS`, or beside the other files of a test run."""
    return Path(os.environ.get("GIORNATA_SCREENSHOTS") or fallback)
