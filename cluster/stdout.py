"""`StdoutGuard`: keeps standard output for what the program itself prints, whatever Ray writes to it."""

import os
import sys
from types import TracebackType
from typing import Self, TextIO


class StdoutGuard:
    """Inside the `with`, descriptor 1 and `sys.stdout` lead to standard error; `stream` is the real output.

    Ray writes "(raylet) ..." notices to the driver's standard output from a thread of its own, whatever its
    log settings say; they would sit in the middle of our JSON.
    """

    def __init__(self) -> None:
        self.stream: TextIO = sys.stdout

    def __enter__(self) -> Self:
        self._python_stdout = sys.stdout
        self._python_stdout.flush()
        self._kept_fd = os.dup(1)
        # Line-buffered, so that someone reading the lines through a pipe sees each as it happens.
        encoding = sys.stdout.encoding or "utf-8"
        self.stream = os.fdopen(os.dup(self._kept_fd), "w", buffering=1, encoding=encoding)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout = self._python_stdout
        os.dup2(self._kept_fd, 1)
        os.close(self._kept_fd)
        self.stream.close()
        # Whoever still holds the guard, for a last line after the shutdown, writes to the real output.
        self.stream = self._python_stdout
