"""A process is told from a later one of its number."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from giornata import process
from giornata.process import ProcessIdentity, boot_id, is_process_alive, process_identity

GONE = 999_999_999


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def test_a_process_lives_until_it_has_ended(child: subprocess.Popen[bytes]) -> None:
    assert is_process_alive(child.pid)
    assert process_identity(child.pid) is not None
    child.kill()
    child.wait()
    assert not is_process_alive(child.pid)
    assert process_identity(child.pid) is None


@pytest.mark.parametrize("pid", [GONE, -1, 2**31, 2**70])
def test_numbers_that_no_process_has_are_of_dead_ones(pid: int) -> None:
    assert not is_process_alive(pid)
    assert process_identity(pid) is None


def test_an_identity_stays_the_same_while_the_process_lives(child: subprocess.Popen[bytes]) -> None:
    first = process_identity(child.pid)
    assert first == process_identity(child.pid)
    assert first != process_identity(os.getpid())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_the_start_is_field_22_of_the_systems_own_record() -> None:
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    assert process_identity(os.getpid()) == ProcessIdentity(os.getpid(), boot_id(), started)


@pytest.mark.parametrize("jump_s", [-7200.0, 0.5, 3600.0])
def test_setting_the_clock_makes_no_other_process_of_it(
    monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    before, boot_s = process_identity(os.getpid()), psutil.boot_time()
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_s + jump_s)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) + jump_s)
    assert process_identity(os.getpid()) == before


def test_a_clock_that_is_set_between_two_looks_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before, boot_s = process_identity(os.getpid()), psutil.boot_time()
    answers = iter([boot_s - 60, boot_s, boot_s, boot_s])
    monkeypatch.setattr(psutil, "boot_time", lambda: next(answers))
    assert process_identity(os.getpid()) == before


def test_after_a_reboot_the_same_number_and_start_are_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = process_identity(os.getpid())
    assert before is not None
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(process, "BOOT", tmp_path / "boot_id")
    assert process_identity(os.getpid()) == replace(before, boot="another")


def test_a_process_that_may_not_be_looked_at_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> psutil.Process:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", refuse)
    seen = process_identity(os.getpid())
    assert seen is not None
    assert seen == process_identity(os.getpid())
