import os
from collections.abc import Callable
from pathlib import Path

from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import ItemRecord, destination_of
from giornata.jobs.store.store import JobStore

SpecOf = Callable[..., JobSpec]


def test_an_item_is_read_from_a_row_of_plain_values() -> None:
    row = dict.fromkeys(ItemRecord.__dataclass_fields__) | {
        "state": "failed",
        "outcome_class": "bug",
        "facts": "",
    }
    record = ItemRecord.from_row({**row, "unknown": 1})
    assert (record.state, record.outcome_class, record.facts) == (ItemState.FAILED, OutcomeClass.BUG, {})
    told = ItemRecord.from_row(row | {"outcome_class": None, "facts": '{"strength": 0.5}'})
    assert (told.outcome_class, told.facts) == (None, {"strength": 0.5})


def test_a_job_says_its_name_and_state_as_its_snapshot_does(
    store: JobStore, spec_of: SpecOf, tmp_path: Path
) -> None:
    record = store.jobs.get(store.jobs.create(spec_of(name="winter"), base=tmp_path))
    assert (record.name, record.state) == ("winter", JobState.LISTING)


def test_a_destination_is_spelt_as_its_targets_are(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for number, (written, place) in enumerate(
        {
            "link/out": os.path.realpath(tmp_path / "real" / "out"),
            "/else/../out": "/out",
            "s3://bucket/set/": "s3://bucket/set",
        }.items()
    ):
        job_id = store.jobs.create(spec_of(name=f"n{number}", destination=written), base=tmp_path)
        assert destination_of(store.jobs.get(job_id)) == place
