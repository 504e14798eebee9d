"""Freed memory stays with the process once it was asked to."""

import subprocess
import sys

import pytest

CODE = """
import ctypes, sys
from giornata.workers.device import keep_freed_memory
print(keep_freed_memory())
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before = resident()
block = libc.malloc(64 << 20)
libc.memset(ctypes.c_void_p(block), 1, ctypes.c_size_t(64 << 20))
libc.free(block)
print(resident() - before > 48 << 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_what_is_freed_is_kept_for_the_next_tensor() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
