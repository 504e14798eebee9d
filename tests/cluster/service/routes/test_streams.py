"""Streams tell what has changed, in order, and go on where a listener was cut off."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.jobs.model.states import JobEvent
from tests.support.services import Place, serving

Event = tuple[int, str, dict[str, object]]


@contextmanager
def listening(url: str, last: int | None = None) -> Iterator[Iterator[Event]]:
    headers = {} if last is None else {"last-event-id": str(last)}
    with httpx.Client(timeout=10) as http, http.stream("GET", url, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            fields[line.split(": ", 1)[0]] = line.split(": ", 1)[1]
        elif "data" in fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}


def test_a_stream_begins_whole_and_goes_on_with_what_changed(place: Place, url: str) -> None:
    job_id = place.listed()
    time.sleep(0.3)
    with listening(f"{url}/api/stream") as told:
        first, kind, data = next(told)
        assert (kind, [job["job_id"] for job in data["jobs"]]) == ("snapshot", [job_id])  # type: ignore[index]
        place.job_service.set_job(job_id, priority=90)
        number, kind, data = next(told)
        assert (kind, data["job_id"], data["priority"]) == ("change", job_id, 90)
        assert "counts" not in data
        assert number > first


def test_a_cut_stream_goes_on_where_it_was_and_an_old_one_begins_again(place: Place) -> None:
    job_id = place.listed()
    with serving(
        place.job_service, broadcaster=EventBroadcaster(place.job_service, period_s=0.05, backlog=3)
    ) as url:
        time.sleep(0.3)
        with listening(f"{url}/api/stream") as told:
            number, _, _ = next(told)
        for priority in (60, 70):
            place.job_service.set_job(job_id, priority=priority)
            time.sleep(0.3)
        with listening(f"{url}/api/stream", number) as told:
            missed = [next(told), next(told)]
        assert [(kind, data["priority"]) for _, kind, data in missed] == [("change", 60), ("change", 70)]
        for priority in (10, 20, 30):
            place.job_service.set_job(job_id, priority=priority)
            time.sleep(0.2)
        for stale in (number, 5, number + 10**6):
            with listening(f"{url}/api/stream", stale) as told:
                assert next(told)[1] == "snapshot"


def test_the_stream_of_a_job_ends_with_it(place: Place, url: str) -> None:
    job_id, other = place.listed(), place.listed(name="other", destination="elsewhere")
    with listening(f"{url}/api/jobs/{job_id}/stream") as told:
        assert next(told)[1] == "snapshot"
        place.store.jobs.move(other, JobEvent.START)
        place.store.jobs.move(job_id, JobEvent.START)
        time.sleep(0.3)
        place.store.jobs.move(job_id, JobEvent.COMPLETE)
        rest = list(told)
    assert {data.get("job_id") for _, _, data in rest} == {job_id}
    assert rest[-1][1:2] == ("end",)
    assert rest[-1][2]["state"] == "completed"
    with listening(f"{url}/api/jobs/{job_id}/stream") as told:
        assert [kind for _, kind, _ in told] == ["snapshot", "end"]


def test_silence_is_filled_and_unknown_jobs_are_not_streamed(place: Place) -> None:
    place.listed()
    broadcaster = EventBroadcaster(place.job_service, period_s=0.05, heartbeat_s=0.2)
    with serving(place.job_service, broadcaster=broadcaster) as url, httpx.Client(timeout=10) as http:
        with http.stream("GET", f"{url}/api/stream") as answer:
            assert any(line.startswith(":") for line in answer.iter_lines())
        assert http.get(f"{url}/api/jobs/nobody/stream").status_code == 404
        deadline = time.monotonic() + 5
        while broadcaster.streams and time.monotonic() < deadline:
            time.sleep(0.05)
    assert broadcaster.streams == 0
