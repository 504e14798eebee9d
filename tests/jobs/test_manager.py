import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.claim import Claim, Published
from giornata.jobs.errors import PlanRefused, StoreUnavailable, Superseded
from giornata.jobs.listing import REJECTED
from giornata.jobs.manager import JobManager
from giornata.jobs.outcome import Outcome, OutcomeClass
from giornata.jobs.pace import Pace
from giornata.jobs.report import summarise
from giornata.jobs.spec import JobSpec
from giornata.jobs.states import ItemState, JobEvent, JobState
from giornata.jobs.store import JobStore
from tests.fakes import (
    FakeRunner,
    FolderPublisher,
    ManualClock,
    Recorder,
    StyleNames,
    done,
    ended,
    render_bytes,
)

Pictures = Callable[..., Path]
SpecOf = Callable[..., JobSpec]
Behaviour = Callable[[Claim], Outcome | None]


class Killed(Exception):
    """The manager's process dies here."""


class Bench:
    """A store, a folder of pictures and everything to run a job on them, again and again."""

    def __init__(self, base: Path, store: JobStore, clock: ManualClock) -> None:
        self.base, self.store, self.clock = base, store, clock
        self.runner, self.recorder = FakeRunner(clock), Recorder()
        self.publisher: FolderPublisher = FolderPublisher()
        self.styles = StyleNames("wave", "night")

    def manager(self, behave: Behaviour = done) -> JobManager:
        self.runner, self.recorder = FakeRunner(self.clock, behave=behave), Recorder()
        return JobManager(
            self.store,
            self.runner,
            self.publisher,
            self.styles,
            clock=self.clock,
            listener=self.recorder,
            pace=Pace(drain_s=5),
        )

    def run(self, spec: JobSpec, behave: Behaviour = done, stop_after: int | None = None) -> JobState:
        self.clock.sleep(1.0)
        manager = self.manager(behave)
        job_id = manager.submit(spec, base=self.base).job_id
        return manager.run_until_done(job_id, lambda: len(self.runner.submitted) >= (stop_after or 10**9))

    def counts(self, spec: JobSpec) -> dict[str, int]:
        job_id = self.store.find_job(spec, base=self.base)
        assert job_id is not None
        told = {str(state): count for state, count in self.store.snapshot(job_id).counts.items() if count}
        assert told == Counter(item.state for item in self.store.items(job_id))
        return told

    def audit(self, spec: JobSpec) -> None:
        """Every done item has its one whole file; nothing is there without a row; nothing is left over."""
        job_id = self.store.find_job(spec, base=self.base)
        assert job_id is not None
        done_items = {item.target: item for item in self.store.items(job_id, [ItemState.DONE])}
        for target, item in done_items.items():
            assert self.publisher.sha256(target) == item.sha256
        found = {str(path) for path in (self.base / "out").resolve().rglob("*") if path.is_file()}
        assert found == set(done_items)


@pytest.fixture
def bench(tmp_path: Path, store: JobStore, clock: ManualClock, pictures: Pictures) -> Bench:
    pictures(*(f"{n}.jpg" for n in range(9)))
    return Bench(tmp_path, store, clock)


def failing(name: str, kind: OutcomeClass, times: int = 10**9) -> Behaviour:
    """Pictures of this name end with `kind` the first `times`."""
    left = [times]

    def behave(claim: Claim) -> Outcome | None:
        if Path(claim.task.source).stem != name or left[0] == 0:
            return done(claim)
        left[0] -= 1
        return ended(claim, kind)

    return behave


def test_a_batch_is_rendered_and_every_output_recorded(bench: Bench, spec_of: SpecOf) -> None:
    spec = spec_of(styles=["wave", "night"])
    assert bench.run(spec) is JobState.COMPLETED
    assert bench.counts(spec) == {"done": 18}
    bench.audit(spec)
    assert bench.recorder.snapshots[-1].state is JobState.COMPLETED
    assert len(bench.recorder.decisions) == 18


def test_an_empty_window_never_overflows(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    assert max(snapshot.counts[ItemState.LEASED] for snapshot in bench.recorder.snapshots) <= 4


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (OutcomeClass.BAD_INPUT, "quarantined"),
        (OutcomeClass.WORKER_LOST, "quarantined"),
        (OutcomeClass.TRANSIENT_IO, "failed"),
        (OutcomeClass.TIMEOUT, "failed"),
        (OutcomeClass.OOM_DEVICE, "failed"),
        (OutcomeClass.BUG, "failed"),
    ],
)
def test_one_bad_picture_never_stops_a_batch_and_never_vanishes(
    bench: Bench, spec_of: SpecOf, kind: OutcomeClass, state: str
) -> None:
    assert bench.run(spec_of(), failing("3", kind)) is JobState.COMPLETED_WITH_FAILURES
    assert bench.counts(spec_of()) == {"done": 8, state: 1}
    bench.audit(spec_of())
    job_id = bench.store.job_ids()[0]
    (cause,) = summarise(bench.store, job_id).causes
    assert (cause.outcome_class, cause.count) == (kind, 1)
    assert "it went wrong" in cause.samples[0].reason


@pytest.mark.parametrize("kind", [kind for kind in OutcomeClass if kind is not OutcomeClass.DONE])
def test_what_went_wrong_once_is_tried_again_when_that_may_help(
    bench: Bench, spec_of: SpecOf, kind: OutcomeClass
) -> None:
    helpless = kind in (OutcomeClass.BAD_INPUT, OutcomeClass.TARGET_TAKEN, OutcomeClass.QUALITY)
    expected = JobState.COMPLETED_WITH_FAILURES if helpless else JobState.COMPLETED
    assert bench.run(spec_of(), failing("3", kind, times=1)) is expected
    bench.audit(spec_of())


def test_a_retry_avoids_the_worker_and_shrinks_the_tile(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of(render={"tile": 512}), failing("3", OutcomeClass.OOM_DEVICE, times=1))
    again = [claim for claim in bench.runner.submitted if claim.attempt == 2]
    assert [(claim.avoid_worker, claim.task.tile_px) for claim in again] == [("w1", 256)]


def test_a_stop_lets_running_items_end_and_the_next_run_goes_on(bench: Bench, spec_of: SpecOf) -> None:
    assert bench.run(spec_of(), stop_after=5) is JobState.QUEUED
    first = bench.counts(spec_of())
    assert first["done"] >= 4
    assert "leased" not in first
    bench.audit(spec_of())
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9 - first["done"]
    bench.audit(spec_of())


def test_a_stop_drops_what_does_not_end_in_time(bench: Bench, spec_of: SpecOf) -> None:
    assert bench.run(spec_of(), lambda claim: None, stop_after=4) is JobState.QUEUED
    assert len(bench.runner.dropped) == 4
    assert bench.counts(spec_of()) == {"queued": 9}
    assert bench.run(spec_of()) is JobState.COMPLETED


class DyingPublisher(FolderPublisher):
    """Kills the manager at the `after`-th publication: before the file is moved, or just after."""

    def __init__(self, after: int, *, moved: bool) -> None:
        self._left, self._moved = after, moved

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        self._left -= 1
        if self._left == 0 and not self._moved:
            raise Killed
        published = super().publish(claim, outcome)
        if self._left == 0:
            raise Killed
        return published


@pytest.mark.parametrize("moved", [False, True], ids=["before the move", "after the move"])
@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_manager_that_dies_while_publishing_loses_and_doubles_nothing(
    bench: Bench, spec_of: SpecOf, after: int, moved: bool
) -> None:
    bench.publisher = DyingPublisher(after, moved=moved)
    with pytest.raises(Killed):
        bench.run(spec_of())
    published = len(list((bench.base / "out").glob("[0-9]*")))
    assert published == after - (not moved)
    bench.publisher = FolderPublisher()
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9 - published
    bench.audit(spec_of())


def test_a_manager_that_dies_while_rendering_leaves_nothing_behind(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        outcome = done(claim)
        if claim.task.source.endswith("4.jpg"):
            raise Killed
        return outcome

    with pytest.raises(Killed):
        bench.run(spec_of(), behave)
    assert bench.run(spec_of()) is JobState.COMPLETED
    bench.audit(spec_of())


def test_a_manager_that_dies_while_listing_is_followed_by_one_that_lists_again(
    bench: Bench, spec_of: SpecOf
) -> None:
    job_id = bench.store.create_job(spec_of(), base=bench.base)
    assert bench.store.snapshot(job_id).state is JobState.LISTING
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert bench.counts(spec_of()) == {"done": 9}


def test_a_second_manager_takes_over_and_the_first_one_stops(bench: Bench, spec_of: SpecOf) -> None:
    first = bench.manager()
    job_id = first.submit(spec_of(), base=bench.base).job_id

    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("5.jpg") and claim.epoch == 1:
            bench.store.raise_epoch(job_id)
        return done(claim)

    first = bench.manager(behave)
    with pytest.raises(Superseded):
        first.run_until_done(job_id)
    assert bench.runner.cancelled == 1
    assert bench.manager().run_until_done(job_id) is JobState.COMPLETED
    assert bench.store.snapshot(job_id).stale_reports > 0
    bench.audit(spec_of())


def test_an_overdue_report_is_a_timeout_and_counts_for_nothing_when_it_comes(
    bench: Bench, spec_of: SpecOf
) -> None:
    started_s = bench.clock.now()

    def behave(claim: Claim) -> Outcome | None:
        slow = claim.task.source.endswith("5.jpg") and claim.attempt == 1
        return None if slow and bench.clock.now() < started_s + 81 else done(claim)

    # The lease is twice the timeout and a minute: 80 s from the first second on.
    spec = spec_of(policy={"timeout_s": 10})
    assert bench.run(spec, behave) is JobState.COMPLETED
    ends = [outcome.outcome_class for _, outcome, _ in bench.recorder.decisions]
    assert Counter(ends) == {OutcomeClass.DONE: 9, OutcomeClass.TIMEOUT: 1}
    assert bench.store.snapshot(bench.store.job_ids()[0]).stale_reports == 1
    bench.audit(spec)


@pytest.mark.parametrize(
    ("allowed", "state"), [(2, JobState.FAILED), ("50%", JobState.COMPLETED_WITH_FAILURES)]
)
def test_max_failed_is_the_brake(bench: Bench, spec_of: SpecOf, allowed: int | str, state: JobState) -> None:
    def behave(claim: Claim) -> Outcome | None:
        return ended(claim, OutcomeClass.BAD_INPUT) if Path(claim.task.source).stem < "4" else done(claim)

    spec = spec_of(policy={"max_failed": allowed})
    assert bench.run(spec, behave) is state
    if state is JobState.FAILED:
        assert "items failed, max_failed allows 2" in bench.store.job(bench.store.job_ids()[0]).reason
        assert "leased" not in bench.counts(spec)
        # The picture is mended and the same command given again.
        assert bench.run(spec) is JobState.COMPLETED


def test_an_output_that_has_gone_is_made_again(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    (bench.base / "out" / "4_wave.jpg").unlink()
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert [Path(claim.task.source).name for claim in bench.runner.submitted] == ["4.jpg"]
    bench.audit(spec_of())


def test_an_output_that_someone_changed_is_not_written_over(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    changed = bench.base / "out" / "4_wave.jpg"
    changed.write_bytes(b"retouched by hand")
    for _ in range(2):
        assert bench.run(spec_of()) is JobState.COMPLETED_WITH_FAILURES
        assert changed.read_bytes() == b"retouched by hand"
    changed.rename(changed.with_name("mine.jpg"))
    assert bench.run(spec_of()) is JobState.COMPLETED


def test_a_strangers_file_is_never_written_over(bench: Bench, spec_of: SpecOf) -> None:
    (bench.base / "out").mkdir()
    theirs = bench.base / "out" / "4_wave.jpg"
    theirs.write_bytes(b"theirs")
    for policy in ("skip", "replace"):
        spec = spec_of(policy={"on_existing": policy})
        with pytest.raises(PlanRefused, match="was not made here"):
            bench.run(spec)
        job_id = bench.store.find_job(spec, base=bench.base) or ""
        assert bench.store.job(job_id).reason.startswith(REJECTED)
    assert theirs.read_bytes() == b"theirs"
    assert not list((bench.base / "out").glob(".giornata-*"))


def test_pictures_that_came_later_join_the_same_job(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    bench.run(spec_of())
    pictures("late.jpg")
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert [Path(claim.task.source).name for claim in bench.runner.submitted] == ["late.jpg"]
    assert bench.counts(spec_of()) == {"done": 10}


@pytest.mark.parametrize(
    ("policy", "expected"), [("skip", {"skipped": 9}), ("replace", {"done": 9}), ("fail", {"failed": 9})]
)
def test_outputs_of_an_earlier_job_are_kept_or_replaced_as_asked(
    bench: Bench, spec_of: SpecOf, policy: str, expected: dict[str, int]
) -> None:
    bench.run(spec_of())
    other = spec_of(render={"strength": 0.5}, policy={"on_existing": policy})
    bench.run(other)
    assert bench.counts(other) == expected
    (one, *_) = bench.store.items(bench.store.find_job(other, base=bench.base) or "")
    if policy == "skip":
        assert "with other settings; set on_existing: replace" in one.reason
    if policy == "replace":
        assert render_bytes(bench.runner.submitted[0]) == Path(one.target).read_bytes()
        bench.audit(other)
        # The first job sees that its outputs were replaced by right, and leaves them alone.
        assert bench.run(spec_of()) is JobState.COMPLETED
        assert bench.runner.submitted == []


def test_pausing_lets_running_items_end_and_resuming_goes_on(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("2.jpg"):
            bench.store.move_job(claim.job_id, JobEvent.PAUSE)
        return done(claim)

    assert bench.run(spec_of(), behave) is JobState.PAUSED
    assert "leased" not in bench.counts(spec_of())
    job_id = bench.store.job_ids()[0]
    bench.store.move_job(job_id, JobEvent.RESUME)
    assert bench.manager().run_until_done(job_id) is JobState.COMPLETED


def test_cancelling_ends_the_job_and_keeps_what_is_done(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("2.jpg"):
            bench.store.move_job(claim.job_id, JobEvent.CANCEL)
        return done(claim)

    assert bench.run(spec_of(), behave) is JobState.CANCELLED
    counts = bench.counts(spec_of())
    assert set(counts) == {"done", "cancelled"}
    bench.audit(spec_of())


def test_outputs_that_fall_on_each_other_are_not_lost_silently(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    pictures("sub/1.jpg")
    with pytest.raises(PlanRefused, match=r"falls on .*1\.jpg in style wave"):
        bench.run(spec_of(template="{stem}_{style}{ext}"))


def test_a_disk_that_fails_for_a_moment_costs_one_attempt(bench: Bench, spec_of: SpecOf) -> None:
    class Hiccup(FolderPublisher):
        left = 1

        def publish(self, claim: Claim, outcome: Outcome) -> Published:
            if self.left:
                self.left -= 1
                raise OSError(5, os.strerror(5))
            return super().publish(claim, outcome)

    bench.publisher = Hiccup()
    assert bench.run(spec_of()) is JobState.COMPLETED
    retried = [outcome for _, outcome, _ in bench.recorder.decisions if outcome.outcome_class != "done"]
    assert [outcome.reason for outcome in retried] == ["[Errno 5] Input/output error"]
    bench.audit(spec_of())


def test_a_source_that_changed_is_rendered_again_and_nothing_else_is(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    bench.run(spec_of())
    source = bench.base / "scans" / "4.jpg"
    source.write_bytes(source.read_bytes() + b"retouched")
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert [Path(claim.task.source).name for claim in bench.runner.submitted] == ["4.jpg"]
    bench.audit(spec_of())


def test_a_new_version_of_a_style_renders_everything_again(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    bench.styles.revision = 2
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9
    bench.audit(spec_of())


def test_a_database_that_is_away_for_a_while_costs_nothing(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    job_id = manager.submit(spec_of(), base=bench.base).job_id
    away = 5
    prepare = bench.store.prepare

    def hesitate(*args: object) -> object:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StoreUnavailable("the store", "locked", True)
        return prepare(*args)  # type: ignore[arg-type]

    bench.store.prepare = hesitate  # type: ignore[method-assign,assignment]
    assert manager.run_until_done(job_id) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9
    bench.audit(spec_of())


def test_a_claim_without_progress_is_given_up_and_tried_again(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("7.jpg") and claim.attempt == 1:
            bench.runner.quiet_s[claim.key] = 601.0
            return None
        return done(claim)

    assert bench.run(spec_of(), behave) is JobState.COMPLETED
    (timeout,) = (outcome for _, outcome, _ in bench.recorder.decisions if outcome.outcome_class != "done")
    assert timeout.outcome_class is OutcomeClass.TIMEOUT
    assert timeout.reason == "no progress for 601 s, where half of the items take 0.5 s"


def test_a_batch_whose_first_items_fail_alike_pauses_once(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        return ended(claim, OutcomeClass.BAD_INPUT)

    spec = spec_of(policy={"canary": 4})
    assert bench.run(spec, behave) is JobState.PAUSED
    job_id = bench.store.job_ids()[0]
    assert "4 of the first 4 items failed alike (bad_input)" in bench.store.job(job_id).reason
    # Whoever runs it again has seen that.
    assert bench.run(spec, behave) is JobState.COMPLETED_WITH_FAILURES


def serve(bench: Bench, until: Callable[[], bool], behave: Behaviour = done) -> JobManager:
    manager = bench.manager(behave)
    manager.serve(until)
    return manager


def test_one_manager_serves_several_jobs_by_priority(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    low = manager.accept(spec_of(name="low", destination="low"), base=bench.base, priority=10)
    high = manager.accept(spec_of(name="high", destination="high"), base=bench.base, priority=90)
    manager.serve(lambda: all(bench.store.snapshot(one).state.is_terminal for one in (low, high)))
    assert {bench.store.snapshot(one).state for one in (low, high)} == {JobState.COMPLETED}
    order = [claim.job_id for claim in bench.runner.submitted]
    assert len(order) == 18
    # Both were listed before either began, or the high one overtook: its last comes before the low one's.
    assert order.index(high) < 9
    assert order[-1] == low


def test_max_workers_limits_what_a_job_has_in_flight(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    job_id = manager.accept(spec_of(), base=bench.base, max_workers=1)
    manager.serve(lambda: bench.store.snapshot(job_id).state.is_terminal)
    leased = [snapshot.counts[ItemState.LEASED] for snapshot in bench.recorder.snapshots]
    assert max(leased) <= 1
    assert bench.store.snapshot(job_id).state is JobState.COMPLETED


def test_the_same_token_is_the_same_job(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    same = {"client_token": "2026-11-21"}
    first = manager.accept(spec_of(), base=bench.base, **same)
    assert manager.accept(spec_of(), base=bench.base, **same) == first


def test_a_job_that_starts_at_once_keeps_problems_to_their_items(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    pictures("sub/1.jpg")
    spec = spec_of(template="{stem}_{style}{ext}", policy={"start": "at_once"})
    assert bench.run(spec) is JobState.COMPLETED_WITH_FAILURES
    assert bench.counts(spec) == {"done": 9, "failed": 1}


def test_two_jobs_never_make_one_file_at_the_same_time(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    jobs = [
        manager.accept(spec_of(name=name, policy={"on_existing": "replace"}), base=bench.base)
        for name in ("one", "two")
    ]
    manager.serve(lambda: all(bench.store.snapshot(one).state.is_terminal for one in jobs))
    assert {bench.store.snapshot(one).state for one in jobs} == {JobState.COMPLETED}
    assert not list((bench.base / "out").glob(".giornata-*"))


def test_a_cancelled_job_ends_while_others_go_on(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    gone = manager.accept(spec_of(name="gone", destination="gone"), base=bench.base)
    kept = manager.accept(spec_of(name="kept", destination="kept"), base=bench.base)
    cancelled = False

    def stop() -> bool:
        nonlocal cancelled
        if not cancelled and bench.store.snapshot(gone).counts[ItemState.DONE]:
            cancelled = bool(bench.store.move_job(gone, JobEvent.CANCEL))
        return all(bench.store.snapshot(one).state.is_terminal for one in (gone, kept))

    manager.serve(stop)
    assert bench.store.snapshot(gone).state is JobState.CANCELLED
    assert bench.store.snapshot(kept).state is JobState.COMPLETED
    assert not list(bench.base.rglob(".giornata-*"))


def test_a_manager_that_is_no_longer_the_active_one_leaves_at_once(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager(lambda claim: None)
    job_id = manager.accept(spec_of(), base=bench.base)
    manager.serve(lambda: False, only_if=lambda: not bench.runner.submitted)
    assert bench.runner.cancelled == 1
    # Another manager finds the job as it was left, and does it all.
    other = bench.manager()
    other.serve(lambda: bench.store.snapshot(job_id).state.is_terminal)
    assert bench.store.snapshot(job_id).state is JobState.COMPLETED
