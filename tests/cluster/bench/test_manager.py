import json
import subprocess
import sys
from pathlib import Path

import pytest

from giornata.cluster.bench import manager


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_items_are_settled_in_flat_memory(tmp_path: Path) -> None:
    # In a process of its own: what earlier tests left in this one would hide the growth.
    words = ["bench", "manager", "--items", "100000", "--json", "--folder", str(tmp_path)]
    command = [sys.executable, "-m", "giornata.cluster.cli.main", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=580)
    told = json.loads(done.stdout)
    listing, running = told["rows"]
    assert (listing["items"], running["items"]) == (100_000, 100_000)
    assert told["rss_growth_mb"] < 50
    assert told["database_mb"] < 400
    # The floor is 1,500 on a quiet machine; this only catches what is far off.
    assert running["items_per_s"] > 400


def test_memory_that_grows_is_seen() -> None:
    before = manager.rss_mb()
    kept = bytearray(b"x" * 40_000_000)
    assert manager.rss_mb() - before > 30
    assert len(kept) == 40_000_000
