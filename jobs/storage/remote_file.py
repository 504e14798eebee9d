"""`RemoteFile`: one version of a file or object as a seekable stream, read by blocks that are cached."""

import io
import os
from collections.abc import Iterator
from errno import EINVAL
from typing import TYPE_CHECKING

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, ReadLimitReached
from giornata.jobs.storage.base import ObjectInfo, ObjectStore
from giornata.lru_dict import LruDict

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 1 << 16  # directories of TIFF and zip lie close together, or far apart
CACHED_BLOCKS = 16
REQUEST_BYTES = 8 << 20  # of neighbouring blocks that one request brings
LIMIT_BYTES = 1 << 30  # read in all: beyond every directory of a valid file, below what a hostile one asks


class RemoteFile(io.RawIOBase):
    """Reads an object of a store from memory, a block at a time; neighbouring blocks come in one request.

    Holds `CACHED_BLOCKS` blocks, the longest unused go first. What is read is the version that `info`
    describes. Every read raises what the store raises, `ObjectChanged` when another version is there, and
    `ReadLimitReached` before more than `limit_bytes` are requested. Not thread-safe.
    """

    def __init__(
        self,
        store: ObjectStore,
        info: ObjectInfo,
        *,
        block_bytes: int = BLOCK_BYTES,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        super().__init__()
        self._store, self._info = store, info
        self._block_bytes, self._limit_bytes = block_bytes, limit_bytes
        self._blocks: LruDict[int, bytes] = LruDict(CACHED_BLOCKS)
        self._position = self._requested_bytes = 0

    @classmethod
    def open(cls, store: ObjectStore, name: str) -> "RemoteFile":
        """The version of `name` that is there now. Raises `ObjectNotFound`."""
        info = store.stat(name)
        if info is None:
            raise ObjectNotFound(name, "nothing is there")
        return cls(store, info)

    @property
    def info(self) -> ObjectInfo:
        """The facts of the version that is read."""
        return self._info

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self._info.bytes

    def readable(self) -> bool:
        """See `io.IOBase.readable`: always."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase.seekable`: always."""
        return True

    def tell(self) -> int:
        """See `io.IOBase.tell`."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`. Raises `OSError` for a position before the start, as files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(EINVAL, os.strerror(EINVAL))
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """See `io.RawIOBase.readinto`; the whole buffer is filled unless the end comes first."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """See `io.RawIOBase.read`; nothing is allocated beyond the end, whatever `size` says."""
        length = self.size - self._position if size is None or size < 0 else size
        data = self.read_at(self._position, length)
        self._position += len(data)
        return data

    def read_at(self, offset: int, size: int) -> bytes:
        """The bytes at an offset, fewer at the end, as `os.pread` gives them; the position stays."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        end = min(offset + size, self.size)
        if end <= offset:
            return b""
        first, last = offset // self._block_bytes, (end - 1) // self._block_bytes
        start = first * self._block_bytes
        return b"".join(self._runs(first, last))[offset - start : end - start]

    def _runs(self, first: int, last: int) -> Iterator[bytes]:
        """The blocks from `first` to `last`; missing neighbours together, as one request brings them."""
        number, most = first, max(1, REQUEST_BYTES // self._block_bytes)
        while number <= last:
            if number in self._blocks:
                yield self._blocks[number]
                number += 1
                continue
            stop = number + 1
            while stop <= last and stop - number < most and stop not in self._blocks:
                stop += 1
            yield self._requested(number, stop)
            number = stop

    def _requested(self, number: int, stop: int) -> bytes:
        """The blocks from `number` up to `stop`, read from the store; the last of them are cached."""
        data = self._read(number * self._block_bytes, min(stop * self._block_bytes, self.size))
        for block in range(max(number, stop - CACHED_BLOCKS), stop):
            start = (block - number) * self._block_bytes
            self._blocks[block] = data[start : start + self._block_bytes]
        return data

    def _read(self, start: int, end: int) -> bytes:
        info, length = self._info, end - start
        if self._requested_bytes + length > self._limit_bytes:
            raise ReadLimitReached(info.name, f"needed more than {self._limit_bytes} bytes of its structure")
        self._requested_bytes += length
        data = self._store.read(
            info.name, start=start, length=length, fingerprint=info.fingerprint, version=info.version
        )
        if len(data) != length:
            raise ObjectChanged(info.name, f"got {len(data)} bytes of a range, needed {length}")
        return data
