"""The audit is silent about a healthy job and says in a sentence each what someone broke."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from giornata.jobs.errors import UnknownJob
from giornata.jobs.maintenance.audit import audit
from giornata.jobs.manager.recovery import take_over
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.paths import attempt_name, sidecar_of
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.storage.hashing import deliverable_sha256
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.schema import attempt, counter, item, job
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out, delivered, new_job, settle, take_claims
from tests.support.fakes import ManualClock, done, ended


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "out"


@pytest.fixture
def job_id(store: JobStore, tmp_path: Path) -> str:
    return delivered(store, tmp_path, "a.png", "b.png", "deep/c.png")


def hiccup(claim: Claim) -> Outcome:
    """Fails the first time; bad names always."""
    if "bad" in claim.task.source:
        return ended(claim, OutcomeClass.BAD_INPUT)
    return ended(claim, OutcomeClass.TRANSIENT_IO) if claim.attempt == 1 else done(claim)


def test_a_job_that_went_well_has_nothing_to_say(store: JobStore, job_id: str, out: Path) -> None:
    assert audit(store, job_id, destination=out) == []


def test_retries_failures_and_other_jobs_in_the_same_folder_are_no_problem(
    store: JobStore, clock: ManualClock, job_id: str, tmp_path: Path, out: Path
) -> None:
    second = new_job(store, tmp_path, ["r.png", "bad.png"], name="winter")
    take_claims(store, second)
    while claims := take_claims(store, second):
        settle(store, claims, hiccup, retries=3)
        clock.sleep(60)
    assert audit(store, second, destination=out) == []
    assert audit(store, job_id, destination=out) == []


def test_a_job_at_work_may_have_leases_and_temporary_files(
    store: JobStore, tmp_path: Path, out: Path
) -> None:
    working = new_job(store, tmp_path, ["a.png", "b.png"])
    claims = take_claims(store, working)
    for claim in claims:
        done(claim)
    assert audit(store, working, destination=out) == []
    settle(store, claims)
    assert audit(store, working, destination=out) == []


def test_an_attempt_that_is_over_must_not_leave_its_file(store: JobStore, tmp_path: Path, out: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    (old,) = take_claims(store, job_id)
    carry_out(store, job_id)
    done(old)
    assert audit(store, job_id, destination=out) == [f"{old.temporary} was left behind"]


@pytest.mark.parametrize("name", [".giornata-manifest.csv.part", ".giornata-x", ".giornata-0f-1.part.png"])
def test_any_other_temporary_file_was_left_behind(store: JobStore, job_id: str, out: Path, name: str) -> None:
    (out / "deep" / name).write_bytes(b"")
    assert audit(store, job_id, destination=out) == [f"{out / 'deep' / name} was left behind"]


def test_missing_changed_and_foreign_files_are_told(store: JobStore, job_id: str, out: Path) -> None:
    (out / "a.png").unlink()
    (out / "b.png").write_bytes(b"x" * (out / "b.png").stat().st_size)
    (out / "stray.png").write_bytes(b"")
    found = audit(store, job_id, destination=out)
    assert len(found) == 3
    assert "a.png: gone since it was delivered" in found[0]
    assert "b.png: got other content" in found[1]
    assert found[2] == f"{out / 'stray.png'} stands in the destination, and no job delivered it"


def test_counters_that_do_not_count_are_told(store: JobStore, job_id: str, out: Path) -> None:
    with store._database.write() as connection:
        wrong = update(counter).where(counter.c.job_id == job_id, counter.c.state == "done")
        connection.execute(wrong.values(amount=2))
    assert audit(store, job_id, destination=out) == [
        "the counter of done items says 2, counting gives 3",
    ]


def test_leases_of_a_job_at_rest_are_told(store: JobStore, tmp_path: Path, out: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    take_claims(store, job_id)
    with store._database.write() as connection:
        connection.execute(update(job).where(job.c.job_id == job_id).values(state="paused"))
    assert audit(store, job_id, destination=out) == ["the job is paused, but 1 of its items are leased"]


@pytest.mark.parametrize(("number", "later_s"), [(1, 0.0), (2, 0.0), (0, 5.0)])
def test_an_attempt_after_the_delivery_is_told(
    store: JobStore, clock: ManualClock, job_id: str, out: Path, number: int, later_s: float
) -> None:
    first = next(store.items.all(job_id))
    row = {"job_id": job_id, "item_id": first.item_id, "attempt": number, "epoch": 1, "worker": "w"}
    words = {"outcome_class": "timeout", "reason": "late", "decision": "queued", "seconds": 1.0}
    with store._database.write() as connection:
        connection.execute(insert(attempt).values(**row, **words, at=clock.now() + later_s))
    (problem,) = audit(store, job_id, destination=out)
    assert f"attempt {number} ended as timeout after that" in problem


def test_a_done_item_without_a_hash_is_told(store: JobStore, job_id: str, out: Path) -> None:
    first = next(store.items.all(job_id))
    with store._database.write() as connection:
        connection.execute(update(item).where(item.c.item_id == first.item_id).values(sha256=None))
    (problem,) = audit(store, job_id, destination=out)
    assert "got other content" in problem


def test_a_delivery_outside_of_the_destination_is_told(
    store: JobStore, job_id: str, tmp_path: Path, out: Path
) -> None:
    found = audit(store, job_id, destination=out / "deep")
    assert [words for words in found if "outside of" in words] == found
    assert len(found) == 2


def test_a_destination_under_another_name_is_the_same_folder(
    store: JobStore, job_id: str, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out")
    assert audit(store, job_id, destination=tmp_path / "link") == []


ENDINGS = ("done", "transient", "lost", "bad", "vanish", "publish", "stale")


def end(store: JobStore, claim: Claim, how: str) -> None:
    """End an attempt as real ones end, also half way and too late."""
    if how in ("vanish", "publish"):
        outcome = done(claim)
        if how == "publish":  # and then the manager dies before it can write so down
            store.leases.prepare([(claim, outcome)])
            LocalPublisher().publish(claim, outcome)
        return
    if how == "stale":
        claim = claim.model_copy(update={"epoch": claim.epoch - 1})
    kinds = {
        "transient": OutcomeClass.TRANSIENT_IO,
        "lost": OutcomeClass.WORKER_LOST,
        "bad": OutcomeClass.BAD_INPUT,
    }
    settle(store, [claim], lambda one: ended(one, kinds[how]) if how in kinds else done(one), retries=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=st.lists(st.lists(st.sampled_from(ENDINGS), min_size=3, max_size=3), min_size=1, max_size=4),
    harm=st.sampled_from(("none", "remove", "cut", "change", "stray", "left", "count")),
)
def test_whatever_happened_holds_and_whatever_was_harmed_is_told(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]], harm: str
) -> None:
    folder = tmp_path_factory.mktemp("batch")
    clock = ManualClock()
    with JobStore(folder / "jobs.sqlite", clock=clock) as store:
        job_id = new_job(store, folder, ["a.png", "b.png", "deep/c.png"])
        for endings in rounds:
            for claim, how in zip(take_over_claims(store, job_id), endings, strict=False):
                end(store, claim, how)
            clock.sleep(600)
        take_over(store, LocalPublisher(), job_id)
        assert audit(store, job_id, destination=folder / "out") == []
        while claims := take_claims(store, job_id):
            settle(store, claims)
        assert audit(store, job_id, destination=folder / "out") == []
        if do_harm(store, job_id, folder / "out", harm):
            assert len(audit(store, job_id, destination=folder / "out")) == 1


def take_over_claims(store: JobStore, job_id: str) -> list[Claim]:
    """The claims of a manager that takes over as a real one does, files and all."""
    if store.jobs.snapshot(job_id).state is JobState.QUEUED:
        store.jobs.move(job_id, JobEvent.START)
    epoch = take_over(store, LocalPublisher(), job_id)
    return store.leases.claim(job_id, 10, 600.0, "", epoch=epoch)


def do_harm(store: JobStore, job_id: str, out: Path, harm: str) -> bool:
    """Break one thing; false when there was nothing to break."""
    places = [Path(one.target) for one in store.items.all(job_id, [ItemState.DONE])]
    out.mkdir(exist_ok=True)
    if harm == "stray":
        (out / "stray.png").write_bytes(b"")
    elif harm == "left":
        (out / ".giornata-0f-1.part.png").write_bytes(b"")
    elif harm == "count":
        with store._database.write() as connection:
            connection.execute(update(counter).where(counter.c.state == "skipped").values(amount=7))
    elif not places or harm == "none":
        return False
    elif harm == "remove":
        places[0].unlink()
    else:
        data = places[0].read_bytes()
        places[0].write_bytes(data[:-1] if harm == "cut" else bytes([data[0] ^ 1]) + data[1:])
    return True


def test_an_unknown_job_is_refused(store: JobStore, out: Path) -> None:
    with pytest.raises(UnknownJob):
        audit(store, "none", destination=out)


def tiled(claim: Claim) -> Outcome:
    """Delivers a folder of tiles with a record beside it."""
    folder = Path(claim.temporary)
    (folder / "tiles").mkdir(parents=True)
    (folder / "tiles" / "0_0.jpeg").write_bytes(b"tile")
    sidecar_of(folder).write_text("how it was made")
    plain = done(claim.model_copy(update={"attempt": claim.attempt + 1000}))
    Path(claim.model_copy(update={"attempt": claim.attempt + 1000}).temporary).unlink()
    return plain.model_copy(
        update={"attempt": claim.attempt, "sha256": deliverable_sha256(folder), "bytes": 4}
    )


def test_delivered_folders_and_records_are_accounted_for(store: JobStore, tmp_path: Path, out: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    settle(store, take_claims(store, job_id), tiled)
    assert audit(store, job_id, destination=out) == []
    (item,) = store.items.all(job_id)
    assert sidecar_of(Path(item.target)).read_text() == "how it was made"
    (Path(item.target) / "tiles" / "0_0.jpeg").write_bytes(b"TILE")
    (problem,) = audit(store, job_id, destination=out)
    assert "other content" in problem


def test_a_record_without_its_picture_and_a_folder_of_a_dead_attempt_are_told(
    store: JobStore, tmp_path: Path, out: Path
) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    settle(store, take_claims(store, job_id))
    (out / "gone.png.provenance.json").write_text("{}")
    left = attempt_name(out / "a", "0" * 20, 7, job_id=job_id)
    left.mkdir()
    (left / "half").write_text("half")
    assert audit(store, job_id, destination=out) == [
        f"{out}/gone.png.provenance.json stands in the destination, and no job delivered it",
        f"{left} was left behind",
    ]
