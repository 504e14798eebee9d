"""A small store for reports, with real pictures where one is wanted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.store.store import JobStore
from tests.support.fakes import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[JobStore]:
    with JobStore(tmp_path / "jobs.sqlite", clock=clock) as opened:
        yield opened
