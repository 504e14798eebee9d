"""The commands that make the universal network refuse what they cannot use, on one line."""

from pathlib import Path

import pytest

from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.styles.training.held_out import load_held_out


def test_help_names_the_three_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["styles", "universal", "--help"]) == Exit.DONE
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("train", "publish", "learn"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["styles", "universal", "learn", "--paintings", str(tmp_path / "gone")]
    assert dispatch(arguments) == Exit.REJECTED
    assert "gone: no such folder" in capsys.readouterr().err


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["styles", "universal", "publish", "--photos", str(tmp_path), "--work", str(tmp_path)]
    assert dispatch(arguments) != Exit.DONE
    assert "a checkpoint universal.pt" in capsys.readouterr().err


def test_pictures_that_are_held_out_are_ten_and_twenty_with_their_copies() -> None:
    assert len(load_held_out().paintings) == 10
    assert len(load_held_out().all_photos) == 23
