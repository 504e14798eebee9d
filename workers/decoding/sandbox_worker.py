"""The decoding process: reads requests as JSON lines on stdin, answers on stdout, dies alone if it must.

Started by `sandbox` as `python -m giornata.workers.decoding.sandbox_worker MEGABYTES`. It never sees
torch, the database or a credential, and limits its own memory and processor time.
"""

import json
import math
import os
import resource
import stat
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyvips

from giornata.workers.decoding.decode import decode
from giornata.workers.decoding.inspect import inspect
from giornata.workers.decoding.options import MEGA, DecodeOptions, used_up_memory
from giornata.workers.decoding.source_file import open_source
from giornata.workers.decoding.style_reading import write_style_image
from giornata.workers.decoding.thumbnail import write_thumbnail
from giornata.workers.decoding.vips import forget_errors
from giornata.workers.errors import Rejected, RenderError, Unreadable
from giornata.workers.source import RejectCode

Answer = dict[str, Any]


def main() -> None:
    """Answers requests until stdin ends, which it also does when the parent is gone."""
    answers = _protect_stdout()
    _limit_memory(int(sys.argv[1]))
    _tame_libvips()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line))).encode() + b"\n")
        answers.flush()


def _protect_stdout() -> BinaryIO:
    """Keeps the answers' pipe for ourselves: whatever else prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _limit_memory(most_mb: int) -> None:
    """Set the hard memory limit for good: each request sets its own below it."""
    resource.setrlimit(resource.RLIMIT_DATA, (most_mb * MEGA,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _lower_memory(mb: int) -> None:
    # RLIMIT_DATA and not RLIMIT_AS: sources and scratch files are memory-mapped, and mapping 100 GB is fine.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (min(mb * MEGA, hard), hard))


def _limit_cpu(budget_s: float) -> None:
    """Set the soft limit of processor time, counted from now: the next file raises it again."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = usage.ru_utime + usage.ru_stime
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used_s + budget_s), hard))


def _tame_libvips() -> None:
    pyvips.block_untrusted_set(True)
    pyvips.cache_set_max(0)  # else a file replaced under the same name gives the old pixels


def _answer(request: dict[str, Any]) -> Answer:
    reading = DecodeOptions.model_validate(request["reading"])
    try:
        return {"facts": _serve(request, reading=reading)}
    except RenderError as error:
        return {"error": type(error).__name__, "args": error.args}
    except MemoryError:
        rejected = Rejected(request["path"], RejectCode.MEMORY, used_up_memory(reading.limits))
        return {"error": type(rejected).__name__, "args": rejected.args}
    except Exception:
        return {"error": "WorkerBug", "args": [f"decoding {request['path']}", traceback.format_exc()]}


def _serve(request: dict[str, Any], *, reading: DecodeOptions) -> Answer:
    name, limits = request["path"], reading.limits
    forget_errors()  # else complaints about the file before are told of this one
    with _opened(name) as descriptor:
        _lower_memory(limits.memory_mb)
        _limit_cpu(limits.cpu_s)
        source = open_source(name, descriptor, reading=reading)
        facts = inspect(source, reading=reading)
        if request["verb"] == "decode":
            _limit_cpu(limits.cpu_budget_s(facts.pixels))
            facts = decode(source, Path(request["folder"]), reading=reading)
        elif request["verb"] == "thumbnail":
            _limit_cpu(limits.cpu_budget_s(facts.pixels))
            write_thumbnail(source, facts, Path(request["target"]), side_px=request["side_px"])
        elif request["verb"] == "style_image":
            _limit_cpu(limits.cpu_budget_s(facts.pixels))
            write_style_image(source, facts, Path(request["target"]), short_px=request["short_px"])
        return facts.model_dump(mode="json")


@contextmanager
def _opened(name: str) -> Iterator[int]:
    try:
        # Not blocking: opening a pipe must not wait for somebody to write into it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Rejected(name, RejectCode.MISSING, "no such file") from error
    except PermissionError as error:
        raise Rejected(name, RejectCode.PERMISSION, "this user may not read it") from error
    except OSError as error:
        raise Unreadable(name, error.strerror) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Rejected(name, RejectCode.NOT_A_FILE, "a folder or a device, needed a file")
        yield descriptor
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
