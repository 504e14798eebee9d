"""Hears what decoders only log: they go on after a warning, and nobody would know of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

MOST_WORDS = 1000  # a damaged file complains about every line


class _Listener(logging.Handler):
    """Collects every different complaint once, in order."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.words) < MOST_WORDS:
            self.words[" ".join(record.getMessage().removeprefix("VIPS: ").split())] = None


@contextmanager
def heard() -> Iterator[dict[str, None]]:
    """The complaints of libvips and its decoders while the context lasts: a growing, ordered set."""
    listener, logger = _Listener(), logging.getLogger("pyvips")
    logger.addHandler(listener)
    try:
        yield listener.words
    finally:
        logger.removeHandler(listener)
