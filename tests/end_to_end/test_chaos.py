"""Kill anything, lose nothing, publish once: sixty real items while processes, reports and locks go wrong.

Every test ends with an audit of store and files and a comparison with an undisturbed run. `GIORNATA_CHAOS`
is how many times each disturbance is tried, each time at other moments; once is the short form.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.chaos import ITEMS, Batch, Witness, hashes, write_pictures, write_styles

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]
ROUNDS = range(int(os.environ.get("GIORNATA_CHAOS", "1")))
HEAD = ("gcs_server", "raylet")
# The short form kills the whole head only, which is the hardest of the three.
PARTS = [HEAD, ("raylet",), ("gcs_server",)][: 3 if len(ROUNDS) > 1 else 1]


@dataclass
class Ground:
    """Where batches are run, and what must come out of each."""

    folder: Path
    inputs: Path
    styles: Path
    expected: Mapping[str, str]

    def batch(self, name: str) -> Batch:
        return Batch(self.folder / name, self.inputs, styles=self.styles)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("chaos")
    write_pictures(folder / "pictures")
    write_styles(folder / "styles")
    ground = Ground(folder, folder / "pictures", folder / "styles", {})
    undisturbed = ground.batch("undisturbed")
    undisturbed.start()
    undisturbed.finish()
    ground.expected = hashes(undisturbed.out)
    assert len(ground.expected) == ITEMS
    undisturbed.check(ground.expected)
    return ground


@pytest.fixture
def batch(ground: Ground, request: pytest.FixtureRequest) -> Iterator[Batch]:
    batch = ground.batch(request.node.name)
    yield batch
    if batch.process and batch.process.poll() is None:
        batch.kill()


def moments(seed: int, count: int) -> list[int]:
    """When to strike: after so many outputs, in rising order.

    Never twice in a row at one item, which two dead workers would put aside, as they should.
    """
    rng, stretch = random.Random(seed), (ITEMS - 10) // count
    return [number * stretch + rng.randint(1, stretch - 8) for number in range(count)]


@pytest.mark.parametrize("seed", ROUNDS)
def test_render_actors_are_killed(ground: Ground, batch: Batch, seed: int) -> None:
    rng = random.Random(seed)
    with Witness(batch.out, ground.expected):
        batch.start()
        for count in moments(seed, 3):
            batch.wait_for(count)
            assert batch.kill_a_worker(rng)
        batch.finish()
    batch.check(ground.expected)


@pytest.mark.parametrize("seed", ROUNDS)
def test_the_manager_is_killed(ground: Ground, batch: Batch, seed: int) -> None:
    with Witness(batch.out, ground.expected):
        for count in moments(seed + 100, 2):
            batch.start()
            batch.wait_for(count)
            batch.kill()
        batch.start()
        batch.finish()
    batch.check(ground.expected)


@pytest.mark.parametrize("seed", ROUNDS)
@pytest.mark.parametrize("gone", PARTS, ids="+".join)
def test_ray_itself_is_killed(ground: Ground, batch: Batch, seed: int, gone: tuple[str, ...]) -> None:
    with Witness(batch.out, ground.expected):
        batch.start()
        batch.wait_for(moments(seed + 200, 1)[0])
        assert batch.kill_children(*gone) == len(gone)
        batch.finish()
    batch.check(ground.expected)


@pytest.mark.parametrize("seed", ROUNDS)
def test_the_database_is_locked_for_ten_seconds(ground: Ground, batch: Batch, seed: int) -> None:
    with Witness(batch.out, ground.expected):
        batch.start()
        batch.wait_for(moments(seed + 300, 1)[0])
        other = sqlite3.connect(batch.home / "jobs.sqlite", timeout=30, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(10)
        other.execute("ROLLBACK")
        other.close()
        batch.finish()
    batch.check(ground.expected)


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The address of a cluster of two nodes, the process of the second raylet, and what opens the door."""
    token = tmp_path / "token"
    token.write_text("0" * 64)
    door = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("two_nodes.py"))],
        env={**os.environ, **door},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    where = json.loads(next(line for line in process.stdout if line.startswith("{")))
    yield where["address"], where["second_raylet"], door
    process.communicate(timeout=60)


@pytest.mark.parametrize("seed", ROUNDS)
def test_the_raylet_of_a_second_node_is_killed(
    ground: Ground, batch: Batch, seed: int, two_nodes: tuple[str, int, dict[str, str]]
) -> None:
    address, raylet, door = two_nodes
    with Witness(batch.out, ground.expected):
        batch.start("--workers", "2", "--address", address, environment=door)
        batch.wait_for(moments(seed + 400, 1)[0])
        os.kill(raylet, signal.SIGKILL)
        batch.finish()
    batch.check(ground.expected)


def test_a_report_is_dropped_and_another_comes_after_its_lease(ground: Ground, batch: Batch) -> None:
    with Witness(batch.out, ground.expected):
        done = subprocess.run(
            [sys.executable, "-m", "tests.end_to_end.forgetful", str(batch.folder), str(ground.styles)],
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
            check=True,
        )
    assert json.loads(done.stdout) == {"state": "completed", "stale_reports": 1}
    batch.check(ground.expected)
