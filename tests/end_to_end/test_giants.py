"""One large picture, killed in the middle: it goes on where it was, no finished tile is done twice, and the
output is the same to the last byte.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
import tifffile

from giornata.jobs.storage.hashing import file_sha256
from giornata.jobs.store.store import JobStore
from tests.end_to_end.chaos import write_styles
from tests.end_to_end.giants import LONG_CHAOS, PATIENCE_S, POOR, RICH, Giant

pytestmark = LONG_CHAOS
TILES, PHASES = 70, 7
SPEC = """
name: giant
inputs: [{source}]
styles: [ochre]
destination: out
outputs: [{{format: png}}]
render: {{tile: 96, overlap: 16}}
"""


class Witness:
    """Keeps the records of finished tiles, which go when the picture is delivered."""

    def __init__(self, giant: Giant) -> None:
        self._giant = giant
        self._logs: dict[str, bytes] = {}
        self._painted: dict[str, set[int]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for path in self._giant.works.glob("*/book/moments-*.log"):
                try:
                    data = path.read_bytes()
                except OSError:
                    continue
                self._logs[path.name] = max(self._logs.get(path.name, b""), data, key=len)
            for path in self._giant.works.glob("*/strips/strips-*.npz"):
                try:
                    self._painted.setdefault(path.name, set()).add(path.stat().st_ino)
                except OSError:
                    continue

    def tiles(self) -> Counter[tuple[str, int]]:
        """How often each tile was noted in each phase, by whatever process."""
        found: Counter[tuple[str, int]] = Counter()
        for name, data in list(self._logs.items()):
            at = 0
            while at + 24 <= len(data):
                index, _, channels = np.frombuffer(data, np.int64, 3, at)
                at += 24 + 16 * int(channels)
                if at <= len(data):
                    found[name.split("-")[1], int(index)] += 1
        return found

    def painted(self) -> dict[str, set[int]]:
        """The files that say that a tile is in the canvas, by their inodes."""
        return dict(self._painted)

    def wait_for(self, share: float) -> None:
        """Until this share of all there is to do has been noted; fails when the command ends before."""
        wanted, deadline = share * TILES * (PHASES + 1), time.monotonic() + PATIENCE_S
        while len(self.tiles()) + len(self.painted()) < wanted:
            process = self._giant.process
            assert process is not None
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def check(self) -> None:
        """Nothing that was finished was done again."""
        again = {tile: count for tile, count in self.tiles().items() if count > 1}
        assert not again
        assert not {name for name, inodes in self.painted().items() if len(inodes) > 1}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A folder, a source of seventy tiles, and styles."""
    folder = tmp_path_factory.mktemp("giants")
    write_styles(folder / "styles")
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:672, :960]
    waves = np.stack([np.sin(x / (9 + c)) + np.cos(y / (13 - c)) for c in range(3)], 2) * 50 + 128
    samples = (waves + rng.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(folder / "large.tif", samples)
    return folder, folder / "large.tif", folder / "styles"


@pytest.fixture(scope="module")
def expected(ground: tuple[Path, Path, Path]) -> str:
    """The hash of an undisturbed output."""
    folder, source, styles = ground
    giant = Giant(folder / "undisturbed", SPEC.format(source=source), styles=styles)
    giant.start(workers=1)
    return file_sha256(giant.finish())


@pytest.fixture(params=[True, False], ids=["disk", "memory"])
def giant(ground: tuple[Path, Path, Path], request: pytest.FixtureRequest) -> Iterator[Giant]:
    folder, source, styles = ground
    spec, code = SPEC.format(source=source), POOR if request.param else RICH
    made = Giant(folder / request.node.name, spec, styles=styles, code=code)
    yield made
    if made.process and made.process.poll() is None:
        made.kill_everything()


def test_a_killed_worker_costs_its_own_tiles_only(giant: Giant, expected: str) -> None:
    with Witness(giant) as witness:
        giant.start()
        for share in (0.3, 0.6):
            witness.wait_for(share)
            giant.kill_a_worker(random.Random(share))
        assert file_sha256(giant.finish()) == expected
    witness.check()


def test_after_a_kill_of_everything_the_rest_is_done(giant: Giant, expected: str) -> None:
    with Witness(giant) as witness:
        for share, workers in ((0.2, 2), (0.55, 1), (0.95, 3)):
            giant.start(workers)
            witness.wait_for(share)
            giant.kill_everything()
        noted = len(witness.tiles())
        assert noted > PHASES * TILES * 0.9
        giant.start()
        assert file_sha256(giant.finish()) == expected
    witness.check()


def test_cancelled_work_does_not_stay(giant: Giant) -> None:
    with Witness(giant) as witness:
        giant.start()
        witness.wait_for(0.3)
        giant.kill_everything()
        assert len(list(giant.works.glob("*/owner.json"))) == 1
        cancel = [sys.executable, "-m", "giornata.cluster.cli.main"]
        environment = {**os.environ, "GIORNATA_HOME": str(giant.home)}
        with JobStore(giant.home / "jobs.sqlite") as store:
            (job_id,) = store.jobs.ids()
        for words in (["cancel", job_id, "--yes"], ["gc", "--yes"]):
            done = subprocess.run([*cancel, *words], env=environment, capture_output=True, text=True)
            assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert list(giant.works.glob("*/owner.json")) == []
