"""Runs a batch whose first report never comes and whose second comes after its lease, in this process."""

import json
import sys
import time
from pathlib import Path

from giornata.cluster.catalogue import LibraryStyles
from giornata.cluster.session import managing
from giornata.cluster.settings import Machine, settings_for
from giornata.jobs.manager import JobManager
from giornata.jobs.outcome import Outcome, OutcomeClass
from giornata.jobs.pace import Pace
from giornata.jobs.ports import TaskRunner
from giornata.jobs.spec import load_spec
from giornata.jobs.store import JobStore
from giornata.styles.library import Library
from giornata.workers.publisher import LocalPublisher

TIMEOUT_S = 10.0
GRACE_S = 1.0
LEASE_S = 2 * TIMEOUT_S + GRACE_S


class Forgetful:
    """A runner whose first report of a delivery never comes, and whose second comes after its lease."""

    def __init__(self, inner: TaskRunner) -> None:
        self._inner = inner
        self._dropped: Outcome | None = None
        self._delayed: Outcome | None = None
        self._due_s = float("inf")

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """What the inner runner reports, as far as it is let through."""
        outcomes = []
        for outcome in self._inner.collect(timeout_s):
            if outcome.outcome_class is OutcomeClass.DONE and self._dropped is None:
                self._dropped = outcome
            elif outcome.outcome_class is OutcomeClass.DONE and self._delayed is None:
                self._delayed, self._due_s = outcome, time.monotonic() + LEASE_S + 0.5
            else:
                outcomes.append(outcome)
        if self._delayed and time.monotonic() > self._due_s:
            outcomes.append(self._delayed)
            self._due_s = float("inf")
        return outcomes


def main(folder: Path, library: Path) -> None:
    """Run `folder/batch.yaml` on two workers; prints its state and how many reports were stale."""
    home = folder / "home"
    settings = settings_for(Machine.detect(), workers=2, home=home, scratch=home / "scratch")
    styles = LibraryStyles(Library((library,)))
    spec = load_spec(folder / "batch.yaml")
    spec = spec.model_copy(update={"policy": spec.policy.model_copy(update={"timeout_s": TIMEOUT_S})})
    with (
        JobStore(home / "jobs.sqlite") as store,
        managing(store, settings, styles=styles, library_folders=(library,)) as session,
    ):
        runner = Forgetful(session.runner)
        manager = JobManager(store, runner, LocalPublisher(), styles, pace=Pace(grace_s=GRACE_S))  # type: ignore[arg-type]
        job_id = manager.submit(spec, base=folder).job_id
        state = manager.run_until_done(job_id)
        told = {"state": state, "stale_reports": store.snapshot(job_id).stale_reports}
        session.out.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
