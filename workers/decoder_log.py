"""Hears what decoders only log: they go on after a warning, and nobody would know of it."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyvips

MOST_WORDS = 1000  # a damaged file complains about every line
MOST_TOLD, LONGEST = 3, 300  # complaints and characters in a reason
# Which part of libvips speaks says nothing to a person, nor that it gave up.
SPEAKER = re.compile(r"^(source input|\w*(vips|load|webp|heif|source)\w*)\s*:\s+", re.I)
GAVE_UP = re.compile(r"^(error in tile|unable to (open source|call)|libpng read error|read error)", re.I)


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
    return plain(pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode(errors="replace").splitlines())


def plain(lines: Iterable[str]) -> str:
    """A decoder's complaints as a person would be told them: each once, without the names of its parts."""
    told: dict[str, None] = {}
    for line in lines:
        words = line.strip()
        while (shorter := SPEAKER.sub("", words)) != words:
            words = shorter
        if words and not GAVE_UP.match(words):
            told[words] = None
    return "; ".join(list(told)[:MOST_TOLD])[:LONGEST]


@contextmanager
def heard() -> Iterator[dict[str, None]]:
    """The complaints of libvips and its decoders while the context lasts: a growing, ordered set."""
    listener, logger = _Listener(), logging.getLogger("pyvips")
    logger.addHandler(listener)
    try:
        yield listener.words
    finally:
        logger.removeHandler(listener)
