import pickle
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.database import Database
from giornata.jobs.store.schema import SCHEMA_VERSION
from giornata.jobs.store.store import JobStore
from tests.support.job_rows import claimed, fill, task
from tests.support.postgres import PostgresServer

SpecOf = Callable[..., JobSpec]


@pytest.fixture
def job_id(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> str:
    created = store.jobs.create(spec_of(), base=tmp_path)
    fill(store, created)
    return created


@pytest.mark.parametrize("held_s", [0.3, 3.0])
def test_a_file_that_someone_else_holds_only_costs_time(
    store: JobStore, job_id: str, tmp_path: Path, held_s: float
) -> None:
    other = sqlite3.connect(tmp_path / "state" / "jobs.sqlite", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(held_s, other.rollback)
    began = time.monotonic()
    release.start()
    try:
        assert store.jobs.snapshot(job_id).total == 5  # who only reads does not wait
        assert len(claimed(store, job_id)) == 1
        assert time.monotonic() - began >= held_s
    finally:
        release.join()
        other.close()


def test_a_file_that_is_held_too_long_is_a_passing_trouble(
    store: JobStore, job_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giornata.jobs.store.sql.BUSY_TIMEOUT_S", 0.1)
    other = sqlite3.connect(tmp_path / "state" / "jobs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with JobStore(tmp_path / "state" / "jobs.sqlite") as impatient:
        with pytest.raises(StoreUnavailable, match=r"using the job store .*: database is locked") as caught:
            claimed(impatient, job_id)
        assert caught.value.transient
        assert pickle.loads(pickle.dumps(caught.value)).transient  # noqa: S301 - our own bytes
        other.close()
        assert len(claimed(impatient, job_id)) == 1


def test_what_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 50)
    with pytest.raises(StoreUnavailable, match=r"opening the job store .*x\.sqlite: file is not a database"):
        JobStore(tmp_path / "x.sqlite")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable) as caught:
        JobStore(tmp_path / "file" / "x.sqlite")
    assert not caught.value.transient


@pytest.mark.parametrize("place", ["mysql://host/x", "sqlite://", "nonsense://x"])
def test_a_url_of_another_kind_is_refused_with_what_is_needed(place: str) -> None:
    with pytest.raises(StoreUnavailable, match="needed") as caught:
        Database(place)
    assert not caught.value.transient


def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Database("postgresql+psycopg://someone:secret@127.0.0.1:1/none")
    assert caught.value.transient
    assert "secret" not in str(caught.value)


def test_a_store_of_a_later_version_is_refused(store: JobStore, place: str, tmp_path: Path) -> None:
    JobStore(place).close()
    database = Database(place)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE setting SET value = '99' WHERE key = 'schema_version'")
    database.close()
    with pytest.raises(StoreUnavailable, match=f"got schema version 99, needed {SCHEMA_VERSION}"):
        JobStore(place)


def test_a_file_keeps_itself_safe(store: JobStore, job_id: str, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state" / "jobs.sqlite")
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "state" / "jobs.sqlite-wal").stat().st_size > 0
    other.close()
    store.close()
    left = tmp_path / "state" / "jobs.sqlite-wal"
    assert not left.exists() or left.stat().st_size == 0


def test_a_whole_store_passes_the_check(either_store: JobStore) -> None:
    either_store.check()


def test_a_damaged_file_is_found_and_said(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    fill(store, store.jobs.create(spec_of(), base=tmp_path), "abcdefghijklmnopqrstuvwxyz" * 1)
    store.close()
    place = tmp_path / "state" / "jobs.sqlite"
    whole = place.read_bytes()
    # The same item again under a name that its index does not know.
    place.write_bytes(whole.replace(task("c").item_id.encode(), b"z" * 20, 1))
    with JobStore(place) as damaged, pytest.raises(StoreUnavailable, match=r"is damaged .*restore a backup"):
        damaged.check()


def test_a_row_that_belongs_to_nothing_is_damage(store: JobStore, job_id: str, tmp_path: Path) -> None:
    place = tmp_path / "state" / "jobs.sqlite"
    with sqlite3.connect(place) as other:
        other.execute("DELETE FROM job")
    other.close()
    with pytest.raises(StoreUnavailable, match=r"a row of .* belongs to nothing") as caught:
        store.check()
    assert not caught.value.transient


def test_a_server_that_was_restarted_is_found_again(
    server: PostgresServer, server_place: str, spec_of: SpecOf, tmp_path: Path
) -> None:
    with JobStore(server_place) as store:
        created = store.jobs.create(spec_of(), base=tmp_path)
        fill(store, created)
        server.stop()
        try:
            with pytest.raises(StoreUnavailable) as caught:
                claimed(store, created)
            assert caught.value.transient
        finally:
            server.start()
        assert len(claimed(store, created)) == 1


def test_a_connection_that_is_cut_in_the_middle_is_a_passing_trouble(
    server: PostgresServer, server_place: str
) -> None:
    database = Database(server_place)
    with pytest.raises(StoreUnavailable) as caught, database.write() as connection:
        server.do(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'giornata'"
        )
        connection.exec_driver_sql("SELECT 1")
    assert caught.value.transient
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    database.close()


def test_a_database_that_is_not_there_is_no_passing_trouble(server_place: str) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist") as caught:
        JobStore(f"{server_place}_not")
    assert not caught.value.transient


def test_two_processes_may_open_an_empty_server_at_once(server_place: str) -> None:
    troubles: list[BaseException] = []

    def open_it() -> None:
        try:
            JobStore(server_place).close()
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
