"""Tiles side by side in one process, each on one thread: how many there are does not show in a single bit.

A convolution or a matrix product that is split over threads rounds in another order for every number of them,
and an optimiser makes such differences grow until they are seen.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch splits nothing that is called from this thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_lanes(items: Iterable[T], work: Callable[[T], R], *, lanes: int, tick: Callable[[], None]) -> list[R]:
    """What `work` makes of each item, in order, `lanes` of them at a time.

    `tick` is called here after every one; what it or `work` raises ends the rest.
    """
    found: list[R] = []
    if lanes <= 1:
        with one_thread():
            for item in items:
                found.append(work(item))
                tick()
        return found
    with ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting = [pool.submit(work, item) for item in items]
        try:
            for one in waiting:
                found.append(one.result())
                tick()
        finally:
            for one in waiting:
                one.cancel()
    return found
