import json
import subprocess
import sys
from pathlib import Path

import pytest

from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch


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


@pytest.mark.parametrize("what", ["manager", "giant", "optimize"])
def test_a_folder_that_is_not_there_is_told_in_a_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["bench", what, "--folder", str(tmp_path / "gone")]) == Exit.USAGE
    assert "Invalid value for '--folder'" in capsys.readouterr().err


def test_memory_that_grows_is_seen() -> None:
    code = (  # in a process of its own: one that has freed memory before takes no new pages
        "from giornata.cluster.bench.manager import rss_mb\n"
        "before, kept = rss_mb(), bytearray(b'x') * 40_000_000\n"
        "print(rss_mb() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 30 < float(done.stdout) < 60
