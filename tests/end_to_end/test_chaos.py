"""Kill anything, lose nothing, publish once: sixty real items while processes, reports and locks go wrong.

Every test ends with an audit of store and files and a comparison with an undisturbed run. `GIORNATA_CHAOS`
is how many times each disturbance is tried, each time at other moments; once is the short form.
"""

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.chaos import ITEMS, Batch, Witness, hashes, write_pictures, write_styles

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]
ROUNDS = range(int(os.environ.get("GIORNATA_CHAOS", "1")))


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
@pytest.mark.parametrize("gone", [("raylet",), ("gcs_server",), ("gcs_server", "raylet")], ids="+".join)
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
