"""Memory maps that give their pages back, so that a large picture's files do not count as our memory.

The pages stay in the system's cache, where a later read finds them, as long as nobody needs the room more.
"""

import mmap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

EBB_S = 0.1  # a disk reads 100 MB in that time


def give_back(*arrays: NDArray[Any] | None) -> None:
    """Let go of the pages of memory-mapped `arrays`; what was written is kept. Others are left alone."""
    for array in arrays:
        source = getattr(array, "_mmap", None)  # numpy's own handle; views share it
        if isinstance(source, mmap.mmap):
            source.madvise(mmap.MADV_DONTNEED)


@contextmanager
def ebbing(*arrays: NDArray[Any] | None, tick: Callable[[], None] | None = None) -> Iterator[None]:
    """Give pages back all the time while foreign code reads through whole `arrays`; `tick` goes with it."""
    over = threading.Event()

    def ebb() -> None:
        while not over.wait(EBB_S):
            give_back(*arrays)
            if tick:
                tick()

    thread = threading.Thread(target=ebb, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        give_back(*arrays)
