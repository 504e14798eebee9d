"""A disposable process that inspects and decodes sources, so that no hostile file can harm the worker.

One `Sandbox` belongs to one thread. It keeps its process for many files and throws it away after a crash,
a timeout or a limit.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import giornata
from giornata.jobs.spec.enums import Pages
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.options import OUT_OF_MEMORY_WORDS, DecodeOptions, Limits, used_up_memory
from giornata.workers.errors import (
    Rejected,
    RenderError,
    SandboxUnavailable,
    ScratchFull,
    Unreadable,
    WorkerBug,
)
from giornata.workers.source import RejectCode, SourceFacts, Verdict, WorkingFile

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")  # never credentials
LAST_WORDS_BYTES = 2000
READ_BYTES = 1 << 16
LONGEST_WAIT_S = 1_000_000  # more overflows what the system can wait


@dataclass
class Child:
    """One running process with its pipes."""

    process: subprocess.Popen[bytes]
    stderr: IO[bytes]
    memory_mb: int  # what it may use at most; a request may allow less
    served: int = 0

    def last_words(self) -> str:
        """The end of its standard error."""
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
    """Start a process that may use `memory_mb` of memory. Raises `SandboxUnavailable`."""
    stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
    package_root = str(Path(giornata.__file__).parent.parent)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"PYTHONPATH": package_root, "VIPS_CONCURRENCY": "1", "PYTHONUTF8": "1"}
    # -P: a folder named like one of our packages in the current folder must not be imported instead.
    command = [sys.executable, "-P", "-m", "giornata.workers.decoding.sandbox_worker", str(memory_mb)]
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
    """Send a request and wait for the answer. Raises `ChildDied`, `Hung`."""
    assert child.process.stdin is not None  # noqa: S101  opened as a pipe by start
    try:
        child.process.stdin.write(json.dumps(request).encode() + b"\n")
        child.process.stdin.flush()
    except BrokenPipeError as error:
        raise ChildDied from error
    answer: dict[str, Any] = json.loads(_read_line(child, time.monotonic() + deadline_s))
    return answer


def _read_line(child: Child, deadline: float) -> bytes:
    assert child.process.stdout is not None  # noqa: S101  opened as a pipe by start
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


ERRORS: dict[str, type[RenderError]] = {
    error.__name__: error for error in (Rejected, Unreadable, ScratchFull, WorkerBug)
}
START_S = 30  # more for the first file: imports on a cold, busy disk
TRIES = 2  # one crash may be the machine's, two are the file's


class Sandbox:
    """Inspects and decodes files in a process of its own, started when first needed.

    Not thread-safe: give every thread its own. Close it, or use it as a context manager.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process in use, if one runs."""
        return self._child.process.pid if self._child else None

    def close(self) -> None:
        """Ends the process; the next call would start another."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def inspect(self, path: Path | str, reading: DecodeOptions | None = None) -> SourceFacts:
        """Facts in the header of the file at `path`, read with the options `reading`.

        Raises `Rejected` for a file that cannot be rendered, `Unreadable` for storage that failed.
        """
        return self._ask({"verb": "inspect", "path": _absolute(path)}, reading)

    def verdict(self, path: Path | str, reading: DecodeOptions | None = None) -> Verdict:
        """As `inspect`, with the refusal as a value."""
        try:
            return Verdict(source=str(path), facts=self.inspect(path, reading))
        except Rejected as error:
            _, code, reason = error.args
            return Verdict(source=str(path), code=code, reason=reason)

    def decode(self, path: Path | str, folder: Path, reading: DecodeOptions | None = None) -> DecodedImage:
        """Decodes the file at `path` into working files in `folder`.

        `folder` is made if absent and belongs to this picture alone.
        Raises `Rejected`, `Unreadable`, `ScratchFull`; then none of the files is left.
        """
        facts = self.inspect(path, reading)
        folder.mkdir(parents=True, exist_ok=True)
        request = {"verb": "decode", "path": _absolute(path), "folder": _absolute(folder)}
        try:
            facts = self._ask(request, reading, pixels=facts.pixels)
        except BaseException:
            for name in WorkingFile:
                (folder / name).unlink(missing_ok=True)
            raise
        return DecodedImage.in_folder(folder, facts=facts)

    def thumbnail(
        self, path: Path | str, target: Path, *, side_px: int, reading: DecodeOptions | None = None
    ) -> SourceFacts:
        """Writes the picture at `path` as a small JPEG to `target`, within a square of `side_px`.

        Of several pages or frames, the first, unless `reading` says otherwise.
        Raises `Rejected`, `Unreadable`, `ScratchFull`; then `target` is not there.
        """
        reading = reading or DecodeOptions(pages=Pages.FIRST, limits=self.limits)
        return self._written({"verb": "thumbnail", "side_px": side_px}, path, target, reading)

    def style_image(self, path: Path | str, target: Path, *, short_px: int) -> SourceFacts:
        """Writes the picture at `path` to the numpy file `target`: H x W x 3, its short side `short_px`.

        Working sRGB in its own depth, never enlarged, on white where it is transparent.
        Raises `Rejected`, `Unreadable`, `ScratchFull`; then `target` is not there.
        """
        request = {"verb": "style_image", "short_px": short_px}
        return self._written(request, path, target, DecodeOptions(limits=self.limits))

    def _written(
        self, request: dict[str, Any], path: Path | str, target: Path, reading: DecodeOptions
    ) -> SourceFacts:
        facts = self.inspect(path, reading)
        request = {**request, "path": _absolute(path), "target": _absolute(target)}
        try:
            return self._ask(request, reading, pixels=facts.pixels)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _ask(self, request: dict[str, Any], reading: DecodeOptions | None, *, pixels: int = 0) -> SourceFacts:
        reading = reading or DecodeOptions(limits=self.limits)
        request = {**request, "reading": reading.model_dump(mode="json")}
        deadline_s = reading.limits.deadline_s(pixels)
        for _ in range(TRIES):
            child = self._ready_child(reading.limits.memory_mb)
            allowed_s = deadline_s + (START_S if child.served == 1 else 0)
            try:
                return _unpack(exchange(child, request, deadline_s=allowed_s))
            except Hung:
                self.close()
                reason = f"no answer in {allowed_s:.0f} s (cpu_s, cpu_s_per_megapixel)"
                raise Rejected(request["path"], RejectCode.TIMEOUT, reason) from None
            except ChildDied:
                verdict = _obituary(child, request["path"], reading.limits)
                self.close()
                if verdict.args[1] is not RejectCode.CRASHED:
                    break  # a limit was met, and would be again
            except RenderError:
                raise
            except BaseException:
                self.close()  # an answer may still come and would be taken for the next file's
                raise
        raise verdict

    def _ready_child(self, memory_mb: int) -> Child:
        child = self._child
        if child is not None and not self._may_serve(child, memory_mb):
            self.close()
        if self._child is None:
            self._child = start(max(memory_mb, self.limits.memory_mb))
        self._child.served += 1
        return self._child

    def _may_serve(self, child: Child, memory_mb: int) -> bool:
        alive = child.process.poll() is None
        return alive and child.served < self.limits.files_per_process and memory_mb <= child.memory_mb


def _absolute(path: Path | str) -> str:
    return str(Path(path).absolute())


def _unpack(answer: dict[str, Any]) -> SourceFacts:
    if "facts" in answer:
        return SourceFacts.model_validate(answer["facts"])
    kind, arguments = ERRORS[answer["error"]], answer["args"]
    if kind is Rejected:
        arguments[1] = RejectCode(arguments[1])
    raise kind(*arguments)


def _obituary(child: Child, path: str, limits: Limits) -> Rejected:
    status = child.process.wait()
    if status == -signal.SIGXCPU:
        reason = "decoding used up its processor time (cpu_s, cpu_s_per_megapixel)"
        return Rejected(path, RejectCode.TIMEOUT, reason)
    if OUT_OF_MEMORY_WORDS.search(child.last_words()):
        return Rejected(path, RejectCode.MEMORY, used_up_memory(limits))
    cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return Rejected(path, RejectCode.CRASHED, f"the decoder ended with {cause}")
