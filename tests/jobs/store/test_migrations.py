import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.store.migrations import MIGRATIONS, steps_from
from giornata.jobs.store.schema import SCHEMA_VERSION
from giornata.jobs.store.store import JobStore

VERSION_1 = Path(__file__).with_name("version_1.sql")
Shape = dict[str, set[tuple[object, ...]]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that the first version wrote."""
    place = tmp_path / "old.sqlite"
    with sqlite3.connect(place) as made:
        made.executescript(VERSION_1.read_text())
    made.close()
    return place


@pytest.fixture
def migrated(old: Path) -> Iterator[JobStore]:
    with JobStore(old) as opened:
        yield opened


def shape(place: Path) -> Shape:
    """Columns, foreign keys and indexes of every table, without the names of types."""
    found: Shape = {}
    looked = sqlite3.connect(place)
    for (table,) in looked.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = {
            ("column", *row[1:2], *row[3:4], row[5]) for row in looked.execute(f"PRAGMA table_info({table})")
        }
        keys = {("key", *row[2:7]) for row in looked.execute(f"PRAGMA foreign_key_list({table})")}
        indexes = set()
        for _, name, unique, _, partial in looked.execute(f"PRAGMA index_list({table})").fetchall():
            parts = tuple(row[2] for row in looked.execute(f"PRAGMA index_info({name})"))
            indexes.add(("index", "" if unique else name, parts, unique, partial))
        found[table] = columns | keys | indexes
    looked.close()
    return found


def test_a_migrated_file_has_the_shape_of_a_new_one(migrated: JobStore, old: Path, tmp_path: Path) -> None:
    JobStore(tmp_path / "new.sqlite").close()
    assert shape(old) == shape(tmp_path / "new.sqlite")
    migrated.check()


def test_a_migrated_store_knows_what_it_knew(migrated: JobStore) -> None:
    assert [line.job_id for line in migrated.jobs.page()] == ["new-1", "run-1", "end-1"]
    assert migrated.jobs.snapshot("run-1").counts[ItemState.DONE] == 1
    assert [item.state for item in migrated.items.all("run-1")] == ["done", "queued", "failed"]
    assert migrated.items.get("run-1", "cc").reason == "broke"
    assert [(attempt.reason, attempt.log) for attempt in migrated.items.attempts("run-1", "cc")] == [
        ("broke", "")
    ]
    assert migrated.items.lost_by_class("run-1") == {"bug": 1}
    assert [event.kind for event in migrated.events.page(job_id="run-1")] == [
        "create",
        "listed",
        "start",
        "start",
    ]


def test_what_the_first_version_did_not_write_is_worked_out(migrated: JobStore) -> None:
    lines = {line.job_id: line for line in migrated.jobs.page()}
    assert {job_id: line.listed for job_id, line in lines.items()} == {
        "run-1": True,
        "end-1": True,
        "new-1": False,
    }
    assert (lines["run-1"].started_at, lines["run-1"].finished_at) == (102.0, None)
    assert (lines["end-1"].state, lines["end-1"].finished_at) == (JobState.COMPLETED, 90.0)
    assert {job.job_id: job.canary_open for job in migrated.jobs.live()} == {"run-1": False, "new-1": True}


def test_a_migrated_store_works_on(migrated: JobStore) -> None:
    migrated.events.append("up", actor="anna")
    epoch, _ = migrated.leases.raise_epoch("run-1")
    assert epoch == 4
    assert migrated.items.reopen("run-1", [ItemState.FAILED]) == 1
    migrated.workers.put([])
    assert migrated.events.due_notices() == []


def test_a_migration_that_fails_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shape(old)
    monkeypatch.setitem(MIGRATIONS, 1, (*MIGRATIONS[1], "SELECT 1 FROM nowhere"))
    with pytest.raises(StoreUnavailable, match="nowhere"):
        JobStore(old)
    assert shape(old) == before
    monkeypatch.undo()
    JobStore(old).close()


def test_every_earlier_version_has_a_way_to_this_one() -> None:
    for version in range(1, SCHEMA_VERSION + 1):
        assert steps_from(version) is not None
    assert steps_from(SCHEMA_VERSION + 1) is None
    assert steps_from(0) is None
