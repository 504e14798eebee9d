"""Scratch space belongs to a living process, or to nobody."""

import os
from pathlib import Path

from giornata.cluster.session import session_scratch


def test_scratch_of_a_killed_process_is_cleared_and_that_of_a_living_one_kept(tmp_path: Path) -> None:
    dead = tmp_path / "session-99999999-aa"
    living = tmp_path / f"session-{os.getpid()}-bb"
    dead.mkdir()
    living.mkdir()
    with session_scratch(tmp_path) as scratch:
        assert scratch.is_dir()
        assert not dead.exists()
        assert living.is_dir()
        (scratch / "left").write_text("behind")
    assert not scratch.exists()
