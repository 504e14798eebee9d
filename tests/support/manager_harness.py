"""A manager on a folder of pictures with a runner that only pretends, to be run again and again."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from giornata.jobs.manager.manager import JobManager
from giornata.jobs.manager.timing import Timeouts
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore
from tests.support.fakes import FakeRunner, FolderPublisher, ManualClock, Recorder, StyleNames, done, ended

Behaviour = Callable[[Claim], Outcome | None]


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
            pace=Timeouts(drain_s=5),
        )

    def run(self, spec: JobSpec, behave: Behaviour = done, stop_after: int | None = None) -> JobState:
        self.clock.sleep(1.0)
        manager = self.manager(behave)
        job_id = manager.submit(spec, base=self.base).job_id
        return manager.run_until_done(job_id, lambda: len(self.runner.submitted) >= (stop_after or 10**9))

    def counts(self, spec: JobSpec) -> dict[str, int]:
        job_id = self.store.jobs.find(spec, base=self.base)
        assert job_id is not None
        told = {
            str(state): count for state, count in self.store.jobs.snapshot(job_id).counts.items() if count
        }
        assert told == Counter(item.state for item in self.store.items.all(job_id))
        return told

    def audit(self, spec: JobSpec) -> None:
        """Every done item has its one whole file; nothing is there without a row; nothing is left over."""
        job_id = self.store.jobs.find(spec, base=self.base)
        assert job_id is not None
        done_items = {item.target: item for item in self.store.items.all(job_id, [ItemState.DONE])}
        for target, item in done_items.items():
            assert self.publisher.sha256(target) == item.sha256
        found = {str(path) for path in (self.base / "out").resolve().rglob("*") if path.is_file()}
        assert found == set(done_items)


def failing(name: str, kind: OutcomeClass, times: int = 10**9) -> Behaviour:
    """Pictures of this name end with `kind` the first `times`."""
    left = [times]

    def behave(claim: Claim) -> Outcome | None:
        if Path(claim.task.source).stem != name or left[0] == 0:
            return done(claim)
        left[0] -= 1
        return ended(claim, kind)

    return behave
