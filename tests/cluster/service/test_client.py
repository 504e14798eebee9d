"""The client says over HTTP what the job service says in its process."""

import threading
import time

import httpx
import pytest

from giornata.cluster.errors import ServiceRefused, ServiceUnreachable
from giornata.cluster.service import client as client_module
from giornata.cluster.service.api import JobApi
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.client import Client
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from tests.support.services import Place, serving


def test_a_plan_stores_nothing(place: Place, api: JobApi) -> None:
    report = api.plan(place.spec(), base=place.root)
    assert (report.pictures, report.items) == (3, 3)
    assert place.store.jobs.ids() == []


def test_a_job_is_paused_resumed_changed_and_cancelled(place: Place, api: JobApi) -> None:
    job_id = place.listed()
    assert api.pause(job_id).state is JobState.PAUSED
    assert api.resume(job_id).state is JobState.QUEUED
    assert api.set_job(job_id, priority=80, max_workers=4).max_workers == 4
    assert api.set_job(job_id, unlimited=True).max_workers is None
    cancelled = api.cancel(job_id)
    assert (cancelled.state, cancelled.counts[ItemState.CANCELLED]) == (JobState.CANCELLED, 3)
    changed = api.retry(job_id, states=[ItemState.CANCELLED])
    assert (changed.items, changed.job.state) == (3, JobState.QUEUED)
    kinds = [event.kind for event in api.events(job_id=job_id).events]
    assert {"create", "pause", "resume", "set", "cancel", "retry"} <= set(kinds)


def test_items_are_left_out_by_name(place: Place, api: JobApi) -> None:
    job_id = place.listed()
    first = api.items(job_id).items[0]
    changed = api.skip(job_id, [first.item_id], reason="not ours to show")
    assert (changed.items, changed.job.counts[ItemState.SKIPPED]) == (1, 1)
    assert api.item(job_id, first.item_id).reason == "not ours to show"


def test_a_job_is_followed_to_its_end(place: Place, api: JobApi) -> None:
    job_id = place.listed()
    seen: list[JobState] = []

    def watch() -> None:
        seen.extend(view.state for view in api.follow(job_id))

    watching = threading.Thread(target=watch)
    watching.start()
    while not seen:
        time.sleep(0.01)
    place.store.jobs.move(job_id, JobEvent.START)
    time.sleep(1.2)
    place.store.jobs.move(job_id, JobEvent.COMPLETE)
    watching.join(timeout=10)
    assert not watching.is_alive()
    assert list(dict.fromkeys(seen)) == [JobState.QUEUED, JobState.RUNNING, JobState.COMPLETED]


def test_following_goes_on_when_the_service_comes_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "AGAIN_S", 0.1)
    job_id = place.listed()
    with serving(place.job_service, broadcaster=EventBroadcaster(place.job_service, period_s=0.1)) as url:
        client = Client(url)
        told = client.follow(job_id)
        assert next(told).state is JobState.QUEUED
    place.store.jobs.move(job_id, JobEvent.START)
    place.store.jobs.move(job_id, JobEvent.COMPLETE)
    port = int(url.rsplit(":", 1)[1])
    with client, serving(place.job_service, port=port):
        assert [view.state for view in told][-1] is JobState.COMPLETED


def test_the_key_in_a_webhooks_address_is_not_shown(place: Place, api: JobApi) -> None:
    job_id = place.listed(notify="https://example.org/hooks/a-key?token=b")
    assert api.job(job_id).spec.notify[0].url == "https://example.org/…"


def test_somebody_else_who_answers_is_no_service() -> None:
    answers = {"/api/jobs": httpx.Response(200, html="<p>hello"), "/api/workers": httpx.Response(404)}
    transport = httpx.MockTransport(lambda request: answers[request.url.path])
    with Client("http://elsewhere", transport=transport) as client:
        for ask in (client.jobs, client.workers):
            with pytest.raises(ServiceUnreachable, match="http://elsewhere"):
                ask()


def test_nobody_there_and_a_refusal_are_told_apart(place: Place) -> None:
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(ServiceUnreachable, match="giornata up"):
        nobody.jobs()
    with serving(place.job_service) as url, Client(url) as client:
        with pytest.raises(ServiceRefused) as refused:
            client.job("no-such-job")
        assert refused.value.args[:2] == (404, "unknown_job")
        with pytest.raises(ServiceRefused) as refused:
            client.job("../../etc/passwd ü")
        assert refused.value.args[0] in (404, 422)
        with pytest.raises(ServiceRefused) as refused:
            list(client.follow("no-such-job"))
        assert refused.value.args[:2] == (404, "unknown_job")
