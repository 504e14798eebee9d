from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import UnknownJob
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore
from tests.support.fakes import ManualClock
from tests.support.job_rows import fill

SpecOf = Callable[..., JobSpec]


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


@pytest.fixture
def job_id(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> str:
    return store.jobs.create(spec_of(), base=tmp_path)


def test_what_happens_to_a_job_is_written_down(store: JobStore, job_id: str) -> None:
    fill(store, job_id)
    store.events.append("look", actor="anna", detail="twice\0", job_id=job_id)
    events = store.events.page(job_id=job_id)
    assert [(event.kind, event.actor, event.detail) for event in events] == [
        ("create", "manager", ""),
        ("listed", "manager", ""),
        ("start", "manager", ""),
        ("look", "anna", "twice"),
    ]
    assert [event.event_id for event in events] == sorted(event.event_id for event in events)


def test_events_may_concern_no_job(store: JobStore, job_id: str) -> None:
    store.events.append("up", actor="anna")
    assert [(event.kind, event.job_id) for event in store.events.page()] == [("create", job_id), ("up", "")]
    assert [event.kind for event in store.events.page(job_id="")] == ["up"]
    with pytest.raises(UnknownJob):
        store.events.append("up", actor="anna", job_id="none")


def test_events_go_on_after_the_last_one_seen(store: JobStore) -> None:
    for number in range(5):
        store.events.append("even" if number % 2 == 0 else "odd", actor="anna", detail=str(number))
    first = store.events.page(limit=2)
    rest = store.events.page(after=first[-1].event_id)
    assert [event.detail for event in [*first, *rest]] == list("01234")
    assert [event.detail for event in store.events.page(kinds=["odd"])] == ["1", "3"]
    assert store.events.page(after=rest[-1].event_id) == []


def test_settings_are_put_and_read(store: JobStore) -> None:
    assert store.events.setting("colour") is None
    store.events.put_setting("colour", "red")
    store.events.put_setting("colour", "blue")
    assert store.events.setting("colour") == "blue"


def test_notices_wait_until_they_are_sent_or_given_up(
    store: JobStore, job_id: str, clock: ManualClock
) -> None:
    rows = [(job_id, f"https://host/{name}", "finished", "{}") for name in "abc"]
    store.events.add_notices(rows, cursor=17)
    assert store.events.setting("notice_cursor") == "17"
    a, b, c = store.events.due_notices()
    assert (a.job_id, a.url, a.kind, a.body, a.tries) == (job_id, "https://host/a", "finished", "{}", 0)
    store.events.settle_notice(a.notice_id, sent=True)
    store.events.settle_notice(b.notice_id, sent=False, error="no answer", again_in_s=60)
    store.events.settle_notice(c.notice_id, sent=False, error="no such host", again_in_s=None)
    assert store.events.due_notices() == []
    clock.sleep(60)
    (again,) = store.events.due_notices()
    assert (again.notice_id, again.tries) == (b.notice_id, 1)
    store.events.add_notices([], cursor=20)
    assert store.events.setting("notice_cursor") == "20"
    assert len(store.events.due_notices(limit=5)) == 1
