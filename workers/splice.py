"""A view of an open file with some of its bytes exchanged: decoders read what the file should have said."""

import os
from dataclasses import dataclass

import pyvips


@dataclass(frozen=True)
class Splice:
    """`replacement` stands for the `length` bytes at `at`; all other bytes are the file's own."""

    at: int
    length: int
    replacement: bytes

    def bytes_of(self, file_bytes: int) -> int:
        """How long the view of a file of `file_bytes` is."""
        return file_bytes - self.length + len(self.replacement)

    def read(self, descriptor: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes of the view from `offset`; fewer at a seam, none at the end."""
        end = self.at + len(self.replacement)
        if offset < self.at:
            return os.pread(descriptor, min(size, self.at - offset), offset)
        if offset < end:
            return self.replacement[offset - self.at :][:size]
        return os.pread(descriptor, size, offset - end + self.at + self.length)


class SplicedFile:
    """Reads a splice in order, as libvips wants it."""

    def __init__(self, descriptor: int, file_bytes: int, splice: Splice) -> None:
        self._descriptor, self._splice = descriptor, splice
        self._bytes, self._offset = splice.bytes_of(file_bytes), 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        data = self._splice.read(self._descriptor, self._offset, size)
        self._offset += len(data)
        return data

    def seek(self, offset: int, whence: int) -> int:
        """As `io.IOBase.seek`."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._bytes}[whence]
        self._offset = max(0, start + offset)
        return self._offset

    def as_source(self) -> pyvips.SourceCustom:
        """The view as libvips reads it; keep the source as long as any picture made from it."""
        source = pyvips.SourceCustom()
        source.on_read(self.read)
        source.on_seek(self.seek)
        return source
