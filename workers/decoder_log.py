"""Hears what decoders only log: they go on after a warning, and nobody would know of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pyvips

MOST_WORDS = 1000  # a damaged file complains about every line


class _Listener(logging.Handler):
    """Collects every different complaint once, in order."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.words) < MOST_WORDS:
            self.words[" ".join(record.getMessage().removeprefix("VIPS: ").split())] = None


def forget_errors() -> None:
    """Empties libvips' book of errors, which it keeps across files."""
    pyvips.vips_lib.vips_error_clear()


def noted_errors() -> str:
    """What libvips wrote into its book since then, raised or not; nothing if nothing went wrong."""
    words = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode(errors="replace")
    return "; ".join(dict.fromkeys(line.strip() for line in words.splitlines() if line.strip()))[:300]


@contextmanager
def heard() -> Iterator[dict[str, None]]:
    """The complaints of libvips and its decoders while the context lasts: a growing, ordered set."""
    listener, logger = _Listener(), logging.getLogger("pyvips")
    logger.addHandler(listener)
    try:
        yield listener.words
    finally:
        logger.removeHandler(listener)
