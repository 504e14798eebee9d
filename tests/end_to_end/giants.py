"""A large picture that is rendered by the real command, and killed on the way."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from giornata.jobs.maintenance.audit import audit
from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore

PATIENCE_S = 400.0
LONG_CHAOS = [
    pytest.mark.long,
    pytest.mark.chaos,
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]
# Workers without memory for features keep them on disk.
POOR = """
import sys
from giornata.cluster import session
session.FEATURES_SHARE = 1e-6
from giornata.cluster.cli.main import main
main()
"""
RICH = POOR.replace("session.FEATURES_SHARE = 1e-6", "pass")


class Giant:
    """A folder with a spec of one picture, a home of its own, and the command that renders it."""

    def __init__(self, folder: Path, spec: str, *, styles: Path | None = None, code: str = RICH) -> None:
        """`spec` is YAML whose destination is `out`; `code` is run in place of the command."""
        self.folder, self.home, self.out = folder, folder / "home", folder / "out"
        self.home.mkdir(parents=True)
        if styles:
            (self.home / "styles").symlink_to(styles)
        (folder / "batch.yaml").write_text(spec)
        self._code = code
        self.process: subprocess.Popen[str] | None = None

    @property
    def works(self) -> Path:
        """Where its work lasts."""
        return self.home / "scratch" / PICTURES

    def start(self, workers: int = 2) -> None:
        """The command in a process of its own."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._code, "run", "batch.yaml", "--workers", str(workers)],
            cwd=self.folder,
            env={**os.environ, "GIORNATA_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> Path:
        """Wait for the command; the output, which the audit finds in order."""
        assert self.process is not None
        words, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, words
        with JobStore(self.home / "jobs.sqlite") as store:
            (job_id,) = store.jobs.ids()
            assert store.jobs.snapshot(job_id).counts[ItemState.DONE] == 1
            assert audit(store, job_id, destination=self.out) == []
        assert [path.name for path in self.works.iterdir()] == [".lock"]
        (output,) = self.out.glob("*.png")
        return output

    def kill_a_worker(self, rng: random.Random) -> None:
        """SIGKILL one of the render actors."""
        with JobStore(self.home / "jobs.sqlite") as store:
            pids = [one.pid for one in store.workers.all() if one.pid and psutil.pid_exists(one.pid)]
        os.kill(rng.choice(pids), signal.SIGKILL)

    def kill_everything(self) -> None:
        """SIGKILL the command and all below it, at once."""
        assert self.process is not None
        root = psutil.Process(self.process.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.communicate()
