"""Runs a batch whose first report never comes and whose second comes once its item was claimed again."""

import json
import sys
from pathlib import Path

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.batch.session import managing
from giornata.cluster.settings import Machine, settings_for
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.manager.timing import Timeouts
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.ports import TaskRunner
from giornata.jobs.spec.loader import load_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.store import JobStore
from giornata.styles.library import Library

TIMEOUT_S = 10.0
GRACE_S = 1.0


class Forgetful:
    """A runner whose first report of a delivery never comes, and whose second comes after its lease.

    The second is let through when its item is submitted again: the lease is over then, and the job is not,
    however fast the machine.
    """

    def __init__(self, inner: TaskRunner) -> None:
        self._inner = inner
        self._dropped: Outcome | None = None
        self._delayed: Outcome | None = None
        self._held_one = False
        self._due: list[Outcome] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def submit(self, claim: Claim) -> None:
        """Hand a claim on; one that replaces the delayed attempt lets that report through."""
        if self._delayed is not None and claim.task.item_id == self._delayed.item_id:
            self._due, self._delayed = [self._delayed], None
        self._inner.submit(claim)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """What the inner runner reports, as far as it is let through."""
        outcomes, self._due = self._due, []
        for outcome in self._inner.collect(timeout_s):
            done = outcome.outcome_class is OutcomeClass.DONE
            if done and self._dropped is None:
                self._dropped = outcome
            elif done and not self._held_one:
                self._delayed, self._held_one = outcome, True
            else:
                outcomes.append(outcome)
        return outcomes


def main(folder: Path, library: Path) -> None:
    """Run `folder/batch.yaml` on two workers; prints its state and how many reports were stale."""
    home = folder / "home"
    settings = settings_for(Machine.detect(), workers=2, home=home, scratch=home / "scratch")
    styles = InstalledStyles(Library((library,)))
    spec = load_spec(folder / "batch.yaml")
    spec = spec.model_copy(update={"policy": spec.policy.model_copy(update={"timeout_s": TIMEOUT_S})})
    with (
        JobStore(home / "jobs.sqlite") as store,
        managing(store, settings, styles=styles, library_folders=(library,)) as session,
    ):
        runner = Forgetful(session.runner)
        manager = JobManager(store, runner, LocalPublisher(), styles, pace=Timeouts(grace_s=GRACE_S))  # type: ignore[arg-type]
        job_id = manager.submit(spec, base=folder).job_id
        state = manager.run_until_done(job_id)
        told = {"state": state, "stale_reports": store.jobs.snapshot(job_id).stale_reports}
        session.out.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
