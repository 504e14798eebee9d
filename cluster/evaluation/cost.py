"""What painting one image takes: processor time of this process, and memory beyond what it had."""

import ctypes
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from giornata.styles.evaluation.metrics import Image

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
RESET_PEAK = "5"  # of proc(5): set the peak to what is resident now


@dataclass(frozen=True)
class Cost:
    """Processor seconds (all threads) and megabytes at the peak, above those before; None where unknown."""

    cpu_s: float
    peak_mb: float | None


def measured(paint: Callable[[], Image]) -> tuple[Image, Cost]:
    """The image that `paint` returns, and its cost in this process."""
    before = _settled_mb()
    began = time.process_time()
    image = paint()
    spent = time.process_time() - began
    peak = None if before is None else _status_mb("VmHWM")
    return image, Cost(spent, None if before is None or peak is None else max(0.0, peak - before))


def _settled_mb() -> float | None:
    """Resident memory, freed memory handed back and the peak set to it; None where that is impossible."""
    if not sys.platform.startswith("linux"):
        return None
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return None
    return _status_mb("VmRSS")


def _status_mb(name: str) -> float | None:
    lines = STATUS.read_text().splitlines()
    sizes = [float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")]
    return sizes[0] if sizes else None
