"""What pages say without a browser: who may see them, what may run on them, and what is refused."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from giornata.cluster.dashboard.session_routes import inside
from giornata.cluster.dashboard.templating import eta_words
from giornata.cluster.service.auth import COOKIE, CSRF_HEADER, LASTS_S, Access, AccessRole, Person, Seal
from giornata.cluster.service.schemas.jobs import EtaView, RatesView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobEvent
from giornata.jobs.store.records import NewItem, Settlement
from tests.support.job_rows import DONE, claimed, fail, fill, good, task
from tests.support.services import Place, serving

ANNA, VIC = "a-token-of-annas", "a-token-of-vics-"
PEOPLE = [(ANNA, Person("anna", AccessRole.OPERATOR)), (VIC, Person("vic", AccessRole.VIEWER))]
HTML = {"accept": "text/html"}
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=HTML) as client:
        yield client


def signed_in(url: str, token: str) -> tuple[httpx.Client, dict[str, str]]:
    http = httpx.Client(base_url=url, headers=HTML)
    assert http.post("/login", json={"token": token}).is_success
    return http, {CSRF_HEADER: http.get("/session").json()["csrf"], "sec-fetch-site": "same-origin"}


def test_every_page_answers_and_lets_only_our_own_files_run(place: Place, http: httpx.Client) -> None:
    job_id = place.listed(name=NASTY)
    item_id = next(place.store.items.all(job_id)).item_id
    place.put_worker()
    pages = ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/items/{item_id}", "/failures", "/workers", "/styles")
    for path in (*pages, "/submit", f"/submit?clone={job_id}", "/events", f"/events?job={job_id}"):
        answer = http.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert NASTY not in answer.text
        assert not re.search(r"\s(style|on\w+)=", answer.text), path
        assert not re.search(r"<(script|style)(?![^>]*\bsrc=)", answer.text), path
        assert not re.search(r'(src|href)="(https?:)?//', answer.text), path


def test_what_is_not_there_is_said_on_a_page_and_to_a_program_as_json(http: httpx.Client) -> None:
    page = http.get("/jobs/nobody")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    program = http.get("/jobs/nobody", headers={"accept": "application/json"})
    assert program.json()["code"] == "unknown_job"


def test_files_are_kept_for_ever_under_a_name_that_changes_with_them(http: httpx.Client) -> None:
    (path,) = re.findall(r'href="(/static/[0-9a-f]{12}/giornata.css)"', http.get("/").text)
    kept = http.get(path)
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-encoding"] == "gzip"
    old = http.get(path.replace(path.split("/")[2], "0" * 12))
    assert old.headers["cache-control"] == "no-store"
    assert http.get(f"{path}/../../../templates/base.html").status_code == 404
    assert http.get("/static/x/look.py").status_code == 404


def test_a_token_becomes_a_cookie_that_scripts_cannot_read(place: Place) -> None:
    with serving(place.desk, access=Access(PEOPLE)) as url, httpx.Client(base_url=url, headers=HTML) as http:
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
    with serving(place.desk, access=Access(PEOPLE)) as url:
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


def test_a_viewer_sees_everything_and_is_offered_nothing(place: Place) -> None:
    job_id = place.listed()
    with serving(place.desk, access=Access(PEOPLE)) as url:
        http, proof = signed_in(url, VIC)
        with closing(http):
            page = http.get(f"/jobs/{job_id}")
            assert page.is_success
            assert "data-act" not in page.text
            assert "New batch" not in page.text
            assert http.post(f"/api/jobs/{job_id}/pause", json={}, headers=proof).status_code == 403
            assert http.post("/logout", json={}, headers=proof).is_success


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


def test_the_time_left_is_unknown_until_enough_is_seen(place: Place) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id)
    rates = RatesView(eta=EtaView(low_s=60.0, high_s=90.0))
    view = place.desk.job(job_id).line.model_copy(update={"rates": rates})
    assert view.started_at is not None
    assert eta_words(view, view.started_at + 5) == "unknown"
    assert eta_words(view, view.started_at + 121) == "1 min 00 s – 1 min 30 s"
    assert eta_words(view.model_copy(update={"settled": 20}), view.started_at + 5).startswith("1 min")


def test_failures_are_grouped_without_the_names_that_are_their_own(place: Place, http: httpx.Client) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id)
    for _ in range(2):
        fail(place.store, job_id, OutcomeClass.BAD_INPUT, ItemState.QUARANTINED)
    fail(place.store, job_id, OutcomeClass.BUG, ItemState.FAILED)
    text = http.get(f"/failures?job={job_id}").text
    assert text.index("The source cannot be rendered") < text.index("A fault of the program")
    assert "Retry 2" in text


def test_a_spec_is_sent_as_it_is_written_and_refused_in_our_words(place: Place, url: str) -> None:
    with httpx.Client(base_url=url) as http:
        order = {
            "text": "name: form\ninputs: scans\nstyles: [wave]\ndestination: out\n",
            "base": str(place.root),
        }
        plan = http.post("/submit", json={**order, "dry_run": True}).json()["plan"]
        assert plan["pictures"] == 3
        made = http.post("/submit", json=order)
        assert made.status_code == 201
        assert http.post("/submit", json=order).json() == {**made.json(), "created": False}
        wrong = http.post("/submit", json={**order, "text": "name: [unclosed"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_spec")
        again = http.get(f"/submit?clone={made.json()['job_id']}").text
        assert "name: form" in again


def test_the_events_of_a_page_are_the_newest(place: Place, http: httpx.Client) -> None:
    job_id = place.listed()
    place.desk.pause(job_id)
    text = http.get("/events").text
    assert text.index("pause") < text.index("create")
    assert http.get("/events?before=1").text.count("<tr>") == 1


def test_a_picture_is_shown_only_when_it_is_ours(place: Place, http: httpx.Client, tmp_path: Path) -> None:
    job_id = place.listed()
    item = next(place.store.items.all(job_id))
    Path(item.target).parent.mkdir(parents=True, exist_ok=True)
    Path(item.target).write_bytes(b"somebody else's")
    answer = http.get(f"/previews/{job_id}/{item.item_id}/result")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert http.get(f"/zoom/{job_id}/{item.item_id}/..%2f..%2fscans/a.jpg").status_code == 404
    assert http.get(f"/previews/{job_id}/nobody/result").status_code == 404


def test_a_delivered_folder_is_open_as_far_as_it_goes(place: Place, http: httpx.Client) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    folder = place.root / "out" / "plate"
    (folder / "plate_files").mkdir(parents=True)
    (folder / "plate.dzi").write_text("<Image/>")
    (folder / "secret.txt").write_text("not a picture")
    (folder / "away.jpg").symlink_to(place.root / "scans" / "a.jpg")
    made = task("plate").model_copy(update={"target": str(folder)})
    place.store.items.insert(job_id, [NewItem(made)])
    place.store.jobs.mark_listed(job_id)
    place.store.jobs.move(job_id, JobEvent.START)
    (claim,) = claimed(place.store, job_id)
    address = f"/zoom/{job_id}/{made.item_id}"
    assert http.get(f"{address}/plate.dzi").status_code == 404  # not delivered yet
    place.store.leases.finish([Settlement(claim, good(claim), DONE)])
    assert http.get(f"{address}/plate.dzi").text == "<Image/>"
    for wrong in ("secret.txt", "away.jpg", "..%2f..%2fscans%2fa.jpg", "nothing.jpg", "plate_files"):
        assert http.get(f"{address}/{wrong}").status_code == 404, wrong
