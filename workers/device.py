"""Where an engine computes, how large its tiles may be there, and what a refusal of memory looks like."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from giornata.jobs.spec.enums import DeviceChoice
from giornata.styles.engine import Engine
from giornata.workers.errors import OutOfMemory

CORES_PX = (2048, 1536, 1024, 768, 512, 256)  # what a device's memory may choose from


def pick_device(wanted: DeviceChoice) -> str:
    """`cuda` when asked for, or when `auto` finds one; otherwise `cpu`."""
    if wanted is DeviceChoice.AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted.value


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
