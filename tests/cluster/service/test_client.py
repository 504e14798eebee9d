"""The client says over HTTP what the desk says in its process."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from giornata.cluster.errors import ServiceRefused, ServiceUnreachable
from giornata.cluster.service import client as client_module
from giornata.cluster.service.api import JobApi
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.client import Client
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from tests.support.services import Place, serving

NIGHTLY = "nightly 7"


@pytest.fixture
def place(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Place(tmp_path)
    with made.store:
        yield made


@pytest.fixture(params=["desk", "client"])
def verbs(request: pytest.FixtureRequest, place: Place):  # type: ignore[no-untyped-def]
    if request.param == "desk":
        yield place.desk
        return
    with serving(place.desk, hub=EventBroadcaster(place.desk, period_s=0.1)) as url, Client(url) as client:
        yield client


def test_a_batch_is_one_job_while_it_lives_and_a_new_one_after_that(place: Place, verbs: JobApi) -> None:
    spec = place.spec()
    first = verbs.submit(spec, base=place.root, priority=70, max_workers=3)
    assert first.created
    assert (first.job.state, first.job.priority, first.job.max_workers) == (JobState.LISTING, 70, 3)
    assert first.job.owner == "local"
    again = verbs.submit(spec, base=place.root)
    assert (again.created, again.job.job_id) == (False, first.job.job_id)
    verbs.cancel(first.job.job_id)
    assert verbs.submit(spec, base=place.root).created


def test_the_same_token_is_the_same_job_for_ever(place: Place, verbs: JobApi) -> None:
    first = verbs.submit(place.spec(), base=place.root, client_token=NIGHTLY)
    verbs.cancel(first.job.job_id)
    again = verbs.submit(place.spec(name="other"), base=place.root, client_token=NIGHTLY)
    assert (again.created, again.job.job_id) == (False, first.job.job_id)


def test_a_plan_stores_nothing(place: Place, verbs: JobApi) -> None:
    report = verbs.plan(place.spec(), base=place.root)
    assert (report.pictures, report.items) == (3, 3)
    assert place.store.jobs.ids() == []


def test_jobs_and_items_come_in_pages(place: Place, verbs: JobApi) -> None:
    for name in ("one", "two", "three"):
        job_id = place.listed(name=name, destination=name)
    page = verbs.jobs(limit=2)
    assert [job.name for job in page.jobs] == ["three", "two"]
    rest = verbs.jobs(limit=2, after=page.next)
    assert [job.name for job in rest.jobs] == ["one"]
    assert rest.next is None
    items = verbs.items(job_id, limit=2, states=[ItemState.QUEUED])
    more = verbs.items(job_id, limit=2, after=items.next)
    assert [Path(one.source).name for one in (*items.items, *more.items)] == ["a.jpg", "b.jpg", "c.png"]
    assert verbs.item(job_id, items.items[0].item_id) == items.items[0]
    assert verbs.attempts(job_id, items.items[0].item_id).attempts == ()
    detail = verbs.job(job_id)
    assert detail.spec == place.spec(name="three", destination="three")
    assert (detail.total, detail.settled, detail.causes) == (3, 0, {})


def test_a_job_is_paused_resumed_changed_and_cancelled(place: Place, verbs: JobApi) -> None:
    job_id = place.listed()
    assert verbs.pause(job_id).state is JobState.PAUSED
    assert verbs.resume(job_id).state is JobState.QUEUED
    assert verbs.set_job(job_id, priority=80, max_workers=4).max_workers == 4
    assert verbs.set_job(job_id, unlimited=True).max_workers is None
    cancelled = verbs.cancel(job_id)
    assert (cancelled.state, cancelled.counts[ItemState.CANCELLED]) == (JobState.CANCELLED, 3)
    changed = verbs.retry(job_id, states=[ItemState.CANCELLED])
    assert (changed.items, changed.job.state) == (3, JobState.QUEUED)
    kinds = [event.kind for event in verbs.events(job_id=job_id).events]
    assert {"create", "pause", "resume", "set", "cancel", "retry"} <= set(kinds)


def test_items_are_left_out_by_name(place: Place, verbs: JobApi) -> None:
    job_id = place.listed()
    first = verbs.items(job_id).items[0]
    changed = verbs.skip(job_id, [first.item_id], reason="not ours to show")
    assert (changed.items, changed.job.counts[ItemState.SKIPPED]) == (1, 1)
    assert verbs.item(job_id, first.item_id).reason == "not ours to show"


def test_workers_are_held_by_their_place_and_let_go(place: Place, verbs: JobApi) -> None:
    place.put_worker("render-0.3")
    assert verbs.drain("render-0.3").workers[0].blocks[0].kind == "drain"
    assert verbs.block("render-0", reason="too hot").workers[0].blocks[0].by == "local"
    assert verbs.unblock("render-0").workers[0].blocks == ()
    assert verbs.health().role == "active"


def test_files_are_looked_after(place: Place, verbs: JobApi) -> None:
    job_id = place.listed()
    assert verbs.verify(job_id).checked == 0
    assert job_id in verbs.report(job_id)
    assert verbs.recover().taken_over == ()
    assert verbs.gc().leftovers == ()


def test_a_job_is_followed_to_its_end(place: Place, verbs: JobApi) -> None:
    job_id = place.listed()
    seen: list[JobState] = []

    def watch() -> None:
        seen.extend(view.state for view in verbs.follow(job_id))

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
    with serving(place.desk, hub=EventBroadcaster(place.desk, period_s=0.1)) as url:
        client = Client(url)
        told = client.follow(job_id)
        assert next(told).state is JobState.QUEUED
    place.store.jobs.move(job_id, JobEvent.START)
    place.store.jobs.move(job_id, JobEvent.COMPLETE)
    port = int(url.rsplit(":", 1)[1])
    with client, serving(place.desk, port=port):
        assert [view.state for view in told][-1] is JobState.COMPLETED


def test_the_key_in_a_webhooks_address_is_not_shown(place: Place, verbs: JobApi) -> None:
    job_id = place.listed(notify="https://example.org/hooks/a-key?token=b")
    assert verbs.job(job_id).spec.notify[0].url == "https://example.org/…"


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
    with serving(place.desk) as url, Client(url) as client:
        with pytest.raises(ServiceRefused) as refused:
            client.job("no-such-job")
        assert refused.value.args[:2] == (404, "unknown_job")
        with pytest.raises(ServiceRefused) as refused:
            client.job("../../etc/passwd ü")
        assert refused.value.args[0] in (404, 422)
        with pytest.raises(ServiceRefused) as refused:
            list(client.follow("no-such-job"))
        assert refused.value.args[:2] == (404, "unknown_job")
