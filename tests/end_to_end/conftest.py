"""A browser, and galleries to look at with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.model.states import JobState
from giornata.styles.library import Library
from tests.support.browsers import Browser, chromium, shots_folder
from tests.support.galleries import COUNT, Gallery, until


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium() as driver:
        yield Browser(driver, shots_folder(tmp_path_factory.mktemp("screenshots")))


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    made = Gallery(tmp_path, count=COUNT)
    with made.store:
        yield made


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gallery, str, str]]:
    """A gallery whose first job has ended with one failure, its address, and that job."""
    made = Gallery(tmp_path_factory.mktemp("gallery"), count=COUNT)
    made.painter.pause_s = 0.0
    with made.store, made.open(library=Library()) as url:
        job_id = made.job_service.submit(made.spec(name="Autumn campaign"), base=made.root).job.job_id
        until(lambda: made.store.jobs.snapshot(job_id).state is JobState.COMPLETED_WITH_FAILURES)
        yield made, url, job_id
