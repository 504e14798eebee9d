from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from giornata.cluster.dashboard.session_routes import inside
from giornata.cluster.service.auth import COOKIE, CSRF_HEADER, LASTS_S, Access, Seal
from tests.cluster.dashboard.people import ANNA, HTML, PEOPLE, signed_in
from tests.support.services import Place, serving


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=HTML) as client:
        yield client


def test_a_token_becomes_a_cookie_that_scripts_cannot_read(place: Place) -> None:
    with (
        serving(place.job_service, access=Access(PEOPLE)) as url,
        httpx.Client(base_url=url, headers=HTML) as http,
    ):
        asked = http.get("/jobs/some?a=b")
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Fjobs%2Fsome%3Fa%3Db")
        assert http.post("/login", json={"token": "a-token-of-nobody"}).status_code == 401
        made = http.post("/login", json={"token": ANNA})
        cookie = made.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert ANNA not in cookie
        assert "anna" in http.get("/").text
        assert http.get("/api/jobs").is_success


def test_a_change_from_a_browser_needs_the_proof_that_only_our_pages_hold(place: Place) -> None:
    with serving(place.job_service, access=Access(PEOPLE)) as url:
        http, proof = signed_in(url, ANNA)
        with closing(http):
            assert http.post("/api/gc", json={}).json()["code"] == "csrf"
            assert http.post("/api/gc", json={}, headers={CSRF_HEADER: "0" * 64}).json()["code"] == "csrf"
            elsewhere = {**proof, "sec-fetch-site": "cross-site"}
            assert http.post("/api/gc", json={}, headers=elsewhere).json()["code"] == "cross_site"
            other = {CSRF_HEADER: proof[CSRF_HEADER], "origin": "http://evil.example"}
            assert http.post("/api/gc", json={}, headers=other).json()["code"] == "cross_site"
            assert http.post("/api/gc", json={}, headers=proof).is_success
        bearer = {"authorization": f"Bearer {ANNA}"}  # programs have no cookie that others could ride on
        assert httpx.post(f"{url}/api/gc", json={}, headers=bearer).is_success


def test_without_tokens_a_page_still_has_to_bring_its_proof(url: str) -> None:
    with httpx.Client(base_url=url) as http:
        proof = {CSRF_HEADER: http.get("/session").json()["csrf"], "origin": url}
        assert http.post("/api/gc", json={}, headers={"origin": url}).json()["code"] == "csrf"
        assert http.post("/api/gc", json={}, headers=proof).is_success
        assert http.post("/api/gc", json={}).is_success  # the command line


def test_a_cookie_ends_with_its_time_its_token_or_a_changed_letter() -> None:
    seal, other = Seal(b"1" * 32), Seal(b"2" * 32)
    cookie = seal.cookie(now=1000.0)
    assert seal.knows(cookie, now=1000.0 + LASTS_S - 2)
    assert not seal.knows(cookie, now=1000.0 + LASTS_S + 1)
    assert not other.knows(cookie, now=1000.0)
    later = cookie.replace(cookie.split(".")[1], "99999999999")
    for wrong in (later, cookie[:-1], "", "a.b.c.d", cookie + "é", "x" * 300):
        assert not seal.knows(wrong, now=1000.0)
    assert Access(PEOPLE).signed_in(cookie, now=1000.0) is None
    assert COOKIE == "giornata"


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
def test_signing_in_leads_nowhere_else(next: str) -> None:
    assert inside(next) == "/"
    assert inside("/jobs/a?b=c") == "/jobs/a?b=c"
