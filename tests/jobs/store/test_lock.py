import subprocess
import sys
import time
from pathlib import Path

import pytest

from giornata.jobs.store.database import Database
from giornata.jobs.store.lock import manager_lock
from giornata.jobs.store.store import JobStore
from tests.support.postgres import PostgresServer

HOLD = """
import sys, time
from giornata.jobs.store.store import JobStore
store = JobStore(sys.argv[1])
lock = store.manager_lock()
print(lock.acquire(exclusive=True), flush=True)
time.sleep(60)
"""


def test_a_service_is_alone_and_runs_share(place: str) -> None:
    with JobStore(place) as store:
        one, two, three = (store.manager_lock() for _ in range(3))
        assert one.acquire(exclusive=True)
        assert not two.acquire(exclusive=True)
        assert not three.acquire(exclusive=False)
        assert (one.is_held(), two.is_held()) == (True, False)
        one.release()
        assert not one.is_held()
        assert two.acquire(exclusive=False)
        assert three.acquire(exclusive=False)
        assert not one.acquire(exclusive=True)
        two.release()
        three.release()
        assert one.acquire(exclusive=True)
        one.release()


def test_who_has_the_lock_is_told_in_words(place: str) -> None:
    with JobStore(place) as store:
        lock = store.manager_lock()
        assert store.manager_lock().holder() == "another process"
        assert lock.acquire(exclusive=True)
        assert store.manager_lock().holder().startswith("giornata service, process ")
        lock.release()


def test_a_killed_process_frees_the_lock(place: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, place], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with JobStore(place) as store, holder.stdout:
        lock = store.manager_lock()
        try:
            assert holder.stdout.readline() == "True\n"
            assert not lock.acquire(exclusive=True)
            assert str(holder.pid) in lock.holder()
        finally:
            holder.kill()
            holder.wait()
        until = time.monotonic() + 10
        while not lock.acquire(exclusive=True):  # a server notices a moment later
            assert time.monotonic() < until
            time.sleep(0.05)
        lock.release()


def test_a_lock_whose_file_was_removed_is_not_held(store: JobStore, tmp_path: Path) -> None:
    lock = store.manager_lock()
    assert lock.acquire(exclusive=True)
    (tmp_path / "state" / "jobs.sqlite.lock").unlink()
    assert not lock.is_held()
    lock.release()


def test_a_lock_is_lost_with_its_connection(server: PostgresServer, server_place: str) -> None:
    database = Database(server_place)
    lock = manager_lock(database)
    assert lock.acquire(exclusive=True)
    server.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'giornata s%'"
    )
    assert not lock.is_held()
    assert lock.acquire(exclusive=True)
    lock.release()
    database.close()


@pytest.mark.parametrize("closed_first", [True, False])
def test_closing_the_store_does_not_free_the_lock(server_place: str, closed_first: bool) -> None:
    store, other = JobStore(server_place), JobStore(server_place)
    lock = store.manager_lock()
    assert lock.acquire(exclusive=True)
    if closed_first:
        store.close()
    assert lock.is_held()
    assert not other.manager_lock().acquire(exclusive=True)
    lock.release()
    store.close()
    other.close()
