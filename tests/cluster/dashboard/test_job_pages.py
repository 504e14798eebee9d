"""What pages say without a browser: who may see them, what may run on them, and what is refused."""

from contextlib import closing

import httpx

from giornata.cluster.service.auth import Access
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from tests.cluster.dashboard.people import PEOPLE, VIC, signed_in
from tests.support.job_rows import fail, fill
from tests.support.services import Place, serving


def test_what_is_not_there_is_said_on_a_page_and_to_a_program_as_json(http: httpx.Client) -> None:
    page = http.get("/jobs/nobody")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    program = http.get("/jobs/nobody", headers={"accept": "application/json"})
    assert program.json()["code"] == "unknown_job"


def test_a_viewer_sees_everything_and_is_offered_nothing(place: Place) -> None:
    job_id = place.listed()
    with serving(place.job_service, access=Access(PEOPLE)) as url:
        http, proof = signed_in(url, VIC)
        with closing(http):
            page = http.get(f"/jobs/{job_id}")
            assert page.is_success
            assert "data-act" not in page.text
            assert "New batch" not in page.text
            assert http.post(f"/api/jobs/{job_id}/pause", json={}, headers=proof).status_code == 403
            assert http.post("/logout", json={}, headers=proof).is_success


def test_failures_are_grouped_without_the_names_that_are_their_own(place: Place, http: httpx.Client) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id)
    for _ in range(2):
        fail(place.store, job_id, OutcomeClass.BAD_INPUT, ItemState.QUARANTINED)
    fail(place.store, job_id, OutcomeClass.BUG, ItemState.FAILED)
    text = http.get(f"/failures?job={job_id}").text
    assert text.index("The source cannot be rendered") < text.index("A fault of the program")
    assert "Retry 2" in text


def test_the_events_of_a_page_are_the_newest(place: Place, http: httpx.Client) -> None:
    job_id = place.listed()
    place.job_service.pause(job_id)
    text = http.get("/events").text
    assert text.index("pause") < text.index("create")
    assert http.get("/events?before=1").text.count("<tr>") == 1
