"""The process behind a `Sandbox`: its start, one question and its answer, its end."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import giornata
from giornata.workers.errors import SandboxUnavailable

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")  # never credentials
LAST_WORDS_BYTES = 2000
READ_BYTES = 1 << 16
LONGEST_WAIT_S = 1_000_000  # more overflows what the system can wait


@dataclass
class Child:
    """One running process and how to talk to it."""

    process: subprocess.Popen[bytes]
    stderr: IO[bytes]
    memory_mb: int  # what it may use at most; a request may allow less
    served: int = 0

    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        self.stderr.seek(0, os.SEEK_END)
        self.stderr.seek(max(0, self.stderr.tell() - LAST_WORDS_BYTES))
        return self.stderr.read().decode(errors="replace").strip()

    def end(self) -> None:
        """Kill it and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # bytes for a process that is gone
                    pipe.close()


class ChildDied(Exception):
    """The process ended before it answered."""


class Hung(Exception):
    """The process did not answer in time."""


def start(memory_mb: int) -> Child:
    """A fresh process that may use that much. Raises `SandboxUnavailable`."""
    stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
    package_root = str(Path(giornata.__file__).parent.parent)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"PYTHONPATH": package_root, "VIPS_CONCURRENCY": "1", "PYTHONUTF8": "1"}
    # -P: a folder named like one of our packages in the current folder must not be imported instead.
    command = [sys.executable, "-P", "-m", "giornata.workers.sandbox_child", str(memory_mb)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, who then closes us in order
        )
    except OSError as error:
        stderr.close()
        raise SandboxUnavailable(f"{sys.executable}: {error.strerror}") from error
    return Child(process, stderr, memory_mb)


def exchange(child: Child, request: dict[str, Any], *, deadline_s: float) -> dict[str, Any]:
    """Ask and wait for the answer. Raises `ChildDied`, `Hung`."""
    assert child.process.stdin is not None  # noqa: S101  opened as a pipe by _start
    try:
        child.process.stdin.write(json.dumps(request).encode() + b"\n")
        child.process.stdin.flush()
    except BrokenPipeError as error:
        raise ChildDied from error
    answer: dict[str, Any] = json.loads(_read_line(child, time.monotonic() + deadline_s))
    return answer


def _read_line(child: Child, deadline: float) -> bytes:
    assert child.process.stdout is not None  # noqa: S101  opened as a pipe by _start
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(min(max(0, deadline - time.monotonic()), LONGEST_WAIT_S)):
                raise Hung
            part = os.read(child.process.stdout.fileno(), READ_BYTES)
            if not part:
                raise ChildDied
            line += part
    return line
