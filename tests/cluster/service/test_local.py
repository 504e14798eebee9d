from pathlib import Path

import pytest

from giornata.cluster.service import local
from giornata.cluster.settings import STORE_NAME
from tests.support.services import Place


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home beside the place, and an environment that names nothing else."""
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    for name in ("GIORNATA_DATABASE", "GIORNATA_SCRATCH"):
        monkeypatch.delenv(name, raising=False)


def test_the_local_desk_is_the_store_at_home(place: Place) -> None:
    job_id = place.listed()
    with local.local_job_service() as job_service:
        assert [job.job_id for job in job_service.jobs().jobs] == [job_id]


def test_the_store_is_the_one_given_then_the_environments_then_the_one_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local.database_location(tmp_path) == tmp_path / STORE_NAME
    monkeypatch.setenv("GIORNATA_DATABASE", "postgresql+psycopg://host/name")
    assert local.database_location(tmp_path) == "postgresql+psycopg://host/name"
    assert local.database_location(tmp_path, "here.sqlite") == "here.sqlite"


def test_scratch_lies_at_home_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local.scratch_folder() == tmp_path / "home" / "scratch"
    monkeypatch.setenv("GIORNATA_SCRATCH", str(tmp_path / "fast"))
    assert local.scratch_folder() == tmp_path / "fast"
