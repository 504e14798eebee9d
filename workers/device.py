"""The device of an engine, tile sizes that fit its memory, and how the C library keeps freed memory.

glibc returns every large tensor and faults it in again, a third of the time of an optimisation on a CPU.
Workers get the same by their environment; `keep_freed_memory` is for a process that is running already.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from giornata.jobs.spec.enums import DeviceChoice
from giornata.styles.engine import Engine
from giornata.workers.errors import OutOfMemory

CORES_PX = (2048, 1536, 1024, 768, 512, 256)  # what a device's memory may choose from


def pick_device(choice: DeviceChoice) -> str:
    """`cuda` when asked for, or when `auto` finds one; otherwise `cpu`."""
    if choice is DeviceChoice.AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return choice.value


def pick_core(engine: Engine, memory_bytes: int, overlap_px: int) -> int:
    """The largest core whose tile fits half of `memory_bytes`; the rest is for what waits between phases."""

    def peak(core_px: int) -> int:
        return (core_px + overlap_px + 2 * engine.halo_px) ** 2 * engine.bytes_per_px

    return next((core for core in CORES_PX if peak(core) <= memory_bytes // 2), CORES_PX[-1])


@contextmanager
def memory_errors(core_px: int) -> Iterator[None]:
    """Translate a device's or the machine's refusal of memory into `OutOfMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise OutOfMemory(core_px) from exc
    except RuntimeError as exc:
        # The CPU allocator raises a plain RuntimeError.
        if "not enough memory" in str(exc) or "can't allocate memory" in str(exc):
            raise OutOfMemory(core_px) from exc
        raise


TRIM_THRESHOLD, MMAP_MAX = -1, -4  # of mallopt(3)
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Tell this process's allocator to keep freed memory; returns whether it can."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, KEPT_BYTES))
