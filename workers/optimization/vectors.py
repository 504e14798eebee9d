"""Vectors of an optimiser on scratch, where a history of steps does not fit the memory of its worker.

L-BFGS keeps some 25 vectors of the picture's size. Those of a tile are used twice a step and idle in between:
they may as well lie in mapped files, whose pages stay in the system's cache as long as nobody needs the room.
"""

import ctypes
import logging
import mmap
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from giornata.styles.optimization.options import GatysOptions, Optimiser
from giornata.workers.errors import ScratchFull

log = logging.getLogger(__name__)
RESERVE_BYTES = 1 << 28  # of the disk, for everybody else
OWN_VECTORS = 6  # picture, origin, two gradients, direction, mean
MOMENTS = 2
_libc = ctypes.CDLL(None, use_errno=True)


def vectors_of(options: GatysOptions) -> int:
    """How many vectors of the picture's size an optimiser keeps at most."""
    pairs = options.history if options.optimiser is Optimiser.LBFGS else 0
    return OWN_VECTORS + 2 * pairs + (MOMENTS if options.optimiser is Optimiser.ADAM else 0)


@dataclass
class MappedVectors:
    """Keeps vectors in files without a name in `folder`; each goes with the last tensor that shows it.

    Any thread may ask.
    """

    folder: Path
    _own: "WeakValueDictionary[int, Tensor]" = field(default_factory=WeakValueDictionary)

    def keep(self, vector: Tensor) -> Tensor:
        """A copy of `vector` (any type, CPU), of the same shape, that is not part of our own memory."""
        path = self.folder / f".vector-{secrets.token_hex(8)}"
        try:
            mapped = torch.from_file(str(path), shared=True, size=vector.numel(), dtype=vector.dtype)
        finally:
            path.unlink(missing_ok=True)
        mapped = mapped.view(vector.shape).copy_(vector)
        self._own[mapped.data_ptr()] = mapped
        return mapped

    def rest(self, vectors: Iterable[Tensor]) -> None:
        """Give back the pages of these vectors until they are used again; other vectors are left alone."""
        for vector in vectors:
            if self._own.get(vector.data_ptr()) is vector:
                size = vector.numel() * vector.itemsize
                _libc.madvise(ctypes.c_void_p(vector.data_ptr()), ctypes.c_size_t(size), mmap.MADV_DONTNEED)


@dataclass
class VectorRoom:
    """Decides tile by tile where vectors are: in `memory_bytes` of memory while they fit, then in `folder`.

    Elsewhere than on the CPU they stay where they are.
    """

    folder: Path
    memory_bytes: float
    device: str = "cpu"
    _taken: float = 0.0
    _mapped: MappedVectors | None = None

    def keeper(self, needed_bytes: int) -> Callable[[Tensor], Tensor] | None:
        """The keeper of the vectors of one more tile; None for memory. Raises `ScratchFull`."""
        self._taken += needed_bytes
        if self._taken <= self.memory_bytes or self.device != "cpu":
            return None
        free = shutil.disk_usage(self.folder).free
        if free < needed_bytes + RESERVE_BYTES:
            raise ScratchFull(str(self.folder), needed_bytes + RESERVE_BYTES, free)
        if self._mapped is None:
            log.info("the optimiser's vectors do not fit %.0f MB: on scratch", self.memory_bytes / 1e6)
            self._mapped = MappedVectors(self.folder)
        return self._mapped.keep

    def rest(self, vectors: Iterable[Tensor]) -> None:
        """Give back the pages of a tile's vectors, which are not needed for a while."""
        if self._mapped is not None:
            self._mapped.rest(vectors)
