"""Styles of all engines on the dashboard: grouped by artist, tried on a sample, offered to a batch."""

import re
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from giornata.cluster.dashboard.app_services import PageContext
from giornata.styles.library import EngineName, Library
from tests.support.services import Place, serving

PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


@pytest.fixture
def http(tmp_path: Path, library: Library) -> Iterator[httpx.Client]:
    page_context = PageContext(home=tmp_path / "home", library=library)
    with (
        serving(Place(tmp_path / "place").job_service, page_context=page_context) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def of_engine(library: Library, engine: EngineName) -> str:
    return next(name for name, one in library.styles.items() if one.card.engine is engine)


def test_artists_stand_by_their_last_names_with_all_their_styles(library: Library) -> None:
    groups = library.by_artist()
    assert [artist.split()[-1] for artist, _ in groups] == sorted(artist.split()[-1] for artist, _ in groups)
    assert sorted(card.name for _, cards in groups for card in cards) == list(library.names)
    assert all(card.artwork.artist == artist for artist, cards in groups for card in cards)


def test_both_pages_show_every_style_under_its_artist(http: httpx.Client, library: Library) -> None:
    for path, pattern in (
        ("/styles", r'data-style="([^"]+)"'),
        ("/submit", r'type="checkbox" value="([^"]+)"'),
    ):
        page = http.get(path).text
        assert sorted(re.findall(pattern, page)) == list(library.names)
        assert page.count('aria-label="Paul Signac"') == 1
        for word in re.findall(r'src="(/styles/try[^"]+)"', page):
            assert word.endswith("&amp;thumb=1")
    assert 'data-engine="universal"' in http.get("/styles").text


def test_styles_of_both_engines_are_tried_and_not_mixed(http: httpx.Client, library: Library) -> None:
    first, second = (of_engine(library, engine) for engine in EngineName)
    seen = [tried(http, f"{name}:1", size=(320, 213)) for name in (first, second)]
    assert seen[0] != seen[1]
    refused = http.get("/styles/try", params={"mix": f"{first}:1,{second}:1", "thumb": 1})
    assert refused.status_code == 422
    assert "styles of one engine" in refused.text


def test_a_painting_that_somebody_brings_is_tried(http: httpx.Client, library: Library) -> None:
    given = BytesIO()
    Image.effect_mandelbrot((160, 120), (-2, -1.2, 1, 1.2), 60).convert("RGB").save(given, "PNG")
    kind = {"content-type": "application/octet-stream"}
    answer = http.post("/styles/samples", content=given.getvalue(), headers=kind)
    assert answer.status_code == 200, answer.text
    key = answer.json()["sample"]
    seen = painted(http, {"style": key, "thumb": "1"}, size=(320, 213))
    assert seen != tried(http, f"{of_engine(library, EngineName.UNIVERSAL)}:1", size=(320, 213))
    unknown = http.get("/styles/try", params={"style": "0" * 32, "thumb": 1})
    assert (unknown.status_code, "bring it again" in unknown.text) == (404, True)
    both = http.get("/styles/try", params={"style": key, "mix": "udnie:1", "thumb": 1})
    assert (both.status_code, "got both" in both.text) == (422, True)


def tried(http: httpx.Client, mix: str, *, size: tuple[int, int]) -> bytes:
    """The sample in a mix, once it is painted."""
    return painted(http, {"mix": mix, "thumb": "1"}, size=size)


def painted(http: httpx.Client, asked: dict[str, str], *, size: tuple[int, int]) -> bytes:
    """The picture behind an address, once it is painted."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = http.get("/styles/try", params=asked)
        if answer.headers["content-type"] == "image/jpeg":
            with Image.open(BytesIO(answer.content)) as image:
                assert image.size == size
            return answer.content
        time.sleep(0.5)
    raise AssertionError(f"{asked} was not painted in time")
