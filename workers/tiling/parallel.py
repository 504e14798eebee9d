"""Tiles side by side in one process, each on one thread: how many there are does not show in a single bit."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from giornata.styles.threads import one_thread

T = TypeVar("T")
R = TypeVar("R")


def run_parallel(
    items: Iterable[T], work: Callable[[T], R], *, lanes: int, tick: Callable[[], None]
) -> list[R]:
    """Results of `work` for each item, in order, `lanes` of them at a time.

    `tick` is called here after every one; what it or `work` raises ends the rest.
    """
    results: list[R] = []
    if lanes <= 1:
        with one_thread():
            for item in items:
                results.append(work(item))
                tick()
        return results
    with ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting = [pool.submit(work, item) for item in items]
        try:
            for future in waiting:
                results.append(future.result())
                tick()
        finally:
            for future in waiting:
                future.cancel()
    return results
