"""The command line as another process."""

import subprocess
import sys
from pathlib import Path

WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]


def giornata(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*WORDS, *words], cwd=cwd, capture_output=True, text=True, timeout=200)
