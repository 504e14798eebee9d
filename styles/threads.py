"""One thread inside an operation: how many a machine has must not show in a single bit.

A convolution or a matrix product that is split over threads rounds in another order for every number of them,
and an optimiser makes such differences grow until they are seen.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Context in which torch splits no operation that is called from this thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
