"""A batch of sixty pictures, what may be killed around it, and a witness of all it publishes."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import psutil
import pyvips
import torch

from giornata.jobs.maintenance.audit import audit
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe

PICTURES = 30
STYLES = ("ochre", "azure")
ITEMS = PICTURES * len(STYLES)
COMMAND = [sys.executable, "-m", "giornata.cluster.cli.main"]
SPEC = (
    "name: chaos\ninputs: [{inputs}]\nstyles: [ochre, azure]\ndestination: out\noutputs: [{{format: png}}]\n"
)
# A drained disk cache must not decide how long a command may take.
PATIENCE_S = 200.0


def write_pictures(folder: Path) -> None:
    """Thirty small structured pictures; one of them is large enough to be spread over the workers."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    for number in range(PICTURES):
        height, width = (420, 560) if number == 7 else (120 + number, 160)
        y, x = np.mgrid[:height, :width]
        waves = np.stack([np.sin(x / (9 + c)) + np.cos(y / (13 - c) + number) for c in range(3)], 2)
        samples = (waves * 50 + 128 + rng.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8)
        pyvips.Image.new_from_array(samples).pngsave(str(folder / f"{number:02}.png"))


def write_styles(folder: Path) -> None:
    """Two styles of a small random network."""
    torch.manual_seed(3)
    paintings = [
        {"name": name, "image": "none.jpg", "title": name, "artist": "nobody", "year": "0"} for name in STYLES
    ]
    words = {"name": "tiny", "trained_on": "nothing", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    network = TransformerNetwork(styles=3, width=8, blocks=1)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.7, 0.3)
    write_library(network, Recipe.model_validate(words | {"paintings": paintings}), folder)


class Batch:
    """One folder with a spec, a home of its own and the command that runs it, as often as it takes."""

    def __init__(self, folder: Path, inputs: Path, *, styles: Path, tile: int = 256) -> None:
        self.folder, self.home, self.out = folder, folder / "home", folder / "out"
        self.home.mkdir(parents=True)
        (self.home / "styles").symlink_to(styles)
        (folder / "batch.yaml").write_text(SPEC.format(inputs=inputs) + f"render: {{tile: {tile}}}\n")
        self.process: subprocess.Popen[str] | None = None

    def start(self, *words: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """The command in a process of its own."""
        self.process = subprocess.Popen(
            [*COMMAND, "run", "batch.yaml", *(words or ("--workers", "2"))],
            cwd=self.folder,
            env={**os.environ, **(environment or {}), "GIORNATA_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.process

    def finish(self) -> str:
        """Wait for the command; its output. It must have delivered everything."""
        assert self.process is not None
        words, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, words
        return words

    def wait_for(self, count: int) -> None:
        """Until `count` outputs are there; fails when the command ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.delivered()) < count:
            assert self.process is not None
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline, f"{len(self.delivered())} of {count} outputs in time"
            time.sleep(0.05)

    def delivered(self) -> list[Path]:
        """The outputs there are."""
        return sorted(self.out.glob("[0-9]*.png"))

    def kill(self) -> None:
        """SIGKILL the command. What Ray started ends by itself once it sees that."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def kill_children(self, *names: str) -> int:
        """SIGKILL processes below the command whose program has one of these names; how many."""
        assert self.process is not None
        found = [
            child for child in psutil.Process(self.process.pid).children(recursive=True) if _is(child, names)
        ]
        for child in found:
            child.kill()
        return len(found)

    def kill_a_worker(self, rng: random.Random) -> bool:
        """SIGKILL one of the render actors, as the store knows them; whether there was one."""
        with JobStore(self.home / "jobs.sqlite") as store:
            pids = [worker.pid for worker in store.workers.all() if worker.pid]
        for pid in rng.sample(pids, len(pids)):
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def check(self, expected: Mapping[str, str]) -> None:
        """The audit holds, and every output is the picture an undisturbed run made."""
        with JobStore(self.home / "jobs.sqlite") as store:
            (job_id,) = store.jobs.ids()
            problems = audit(store, job_id, destination=self.out)
            assert not problems, problems
            counts = store.jobs.snapshot(job_id).counts
            assert counts[ItemState.DONE] == ITEMS, counts
        found = hashes(self.out)
        assert found == expected, sorted(found.items() ^ expected.items())


class Witness:
    """Looks at a folder all the time: what has its final name is whole from the first moment, for ever."""

    def __init__(self, folder: Path, expected: Mapping[str, str]) -> None:
        self._folder, self._expected = folder, expected
        self._seen: dict[str, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            assert not self.complaints, self.complaints
            missing = self._expected.keys() - self._seen.keys()
            assert not missing, missing

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self._look()
        self._look()

    def _look(self) -> None:
        for path in self._folder.glob("[0-9]*.png"):
            status = path.stat()
            mark = (status.st_ino, status.st_mtime_ns)
            if path.name not in self._seen:
                if hashlib.sha256(path.read_bytes()).hexdigest() != self._expected[path.name]:
                    self.complaints.append(f"{path.name} was not whole when it appeared")
            elif self._seen[path.name] != mark:
                self.complaints.append(f"{path.name} was written again")
            self._seen[path.name] = mark


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every output by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("[0-9]*.png")}


def _is(process: psutil.Process, names: tuple[str, ...]) -> bool:
    try:
        return process.name() in names
    except psutil.NoSuchProcess:
        return False
