"""How the C library deals with large tensors: kept for the next one, not handed back to the system.

glibc returns every large tensor and faults it in again, a third of the time of an optimisation on a CPU.
Workers get the same by their environment; this is for a process that is running already.
"""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # of mallopt(3)
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Tell this process's allocator; returns whether there is one that listens."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, KEPT_BYTES))
