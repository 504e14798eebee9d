"""Whether a process lives, by its number or by what tells it from a later one of the same number."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")
UNREADABLE = "running"  # the start of a process that the system tells nothing of but its number


@dataclass(frozen=True)
class ProcessIdentity:
    """A process since it started: no later one is equal, whether its number is used again or after a reboot.

    `boot` is `boot_id()`, and `started` counts the system's clock ticks since then.
    """

    pid: int
    boot: str
    started: str


def is_process_alive(pid: int) -> bool:
    """Whether there is a process of this number, of any user."""
    try:
        return bool(psutil.pid_exists(pid))
    except OverflowError:
        return False


def process_identity(pid: int) -> ProcessIdentity | None:
    """The process that has this number now; None when there is none."""
    try:
        return ProcessIdentity(pid, boot_id(), str(_start_ticks(pid)))
    except (psutil.Error, ValueError):
        return ProcessIdentity(pid, boot_id(), UNREADABLE) if is_process_alive(pid) else None


def boot_id() -> str:
    """The system's identifier of this start of the machine; empty where it has none."""
    return BOOT.read_text().strip() if BOOT.exists() else ""


def _start_ticks(pid: int) -> int:
    """Clock ticks from the machine's start to the process's; the time of both changes when a clock is set."""
    while True:
        boot_s: float = psutil.boot_time()
        started_s: float = psutil.Process(pid).create_time()
        if boot_s == psutil.boot_time():  # no clock was set in between
            return round((started_s - boot_s) * os.sysconf("SC_CLK_TCK"))
