"""One service manages, the other waits and takes over."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from giornata.cluster.service.leader import LeaderElection
from giornata.cluster.service.schemas.base import Role
from tests.support.services import Place


class Loop:
    """A manager that does nothing for as long as it may."""

    def serve(self, stop: Callable[[], bool], *, only_if: Callable[[], bool]) -> None:
        while not stop() and only_if():
            time.sleep(0.01)


@contextmanager
def managed() -> Iterator[Loop]:
    yield Loop()


def reached(role: Role, election: LeaderElection) -> bool:
    deadline = time.monotonic() + 10
    while election.role() is not role and time.monotonic() < deadline:
        time.sleep(0.01)
    return election.role() is role


def test_the_second_service_waits_until_the_first_one_goes(place: Place) -> None:
    words: list[str] = []
    first = LeaderElection(place.store.manager_lock(), managed, knock_s=0.02)
    second = LeaderElection(
        place.store.manager_lock(), managed, knock_s=0.02, announce=lambda role, said: words.append(said)
    )
    stops = [threading.Event(), threading.Event()]
    threads = [
        threading.Thread(target=election.run, args=(stop.is_set,))
        for election, stop in zip((first, second), stops, strict=True)
    ]
    threads[0].start()
    assert reached(Role.ACTIVE, first)
    threads[1].start()
    time.sleep(0.2)
    assert second.role() is Role.STANDBY
    stops[0].set()
    assert reached(Role.ACTIVE, second)
    assert first.role() is Role.STANDBY
    stops[1].set()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert words[0].startswith("standing by; the store is managed by giornata service, process")
    assert words[1:] == ["managing the store"]


def test_who_loses_the_lock_stands_by_and_tries_again(place: Place) -> None:
    election = LeaderElection(place.store.manager_lock(), managed, knock_s=0.02)
    stop = threading.Event()
    thread = threading.Thread(target=election.run, args=(stop.is_set,))
    thread.start()
    assert reached(Role.ACTIVE, election)
    lock = place.root / "home" / "jobs.sqlite.lock"
    before = lock.stat().st_ino
    lock.unlink()
    deadline = time.monotonic() + 10
    while not (lock.exists() and lock.stat().st_ino != before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert reached(Role.ACTIVE, election)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
