"""Finds the best quality at which a file is small enough, by writing it a few times."""

from collections.abc import Callable

from giornata.workers.errors import EffectRefused

LOWEST_QUALITY = 20  # below this blocks and smears show more than the style


def fit_bytes(write: Callable[[int], int], *, quality: int, max_bytes: int) -> int:
    """The highest quality up to `quality` whose file has at most `max_bytes`; that file was written last.

    `write` writes the file at a quality and returns its bytes, which are taken to grow with the quality.
    Raises `EffectRefused` when not even `LOWEST_QUALITY` is small enough.
    """
    size = write(quality)
    if size <= max_bytes:
        return quality
    lowest = min(quality, LOWEST_QUALITY)
    best, too_high, written = lowest - 1, quality, quality
    while too_high - best > 1:
        written = (best + too_high) // 2
        size = write(written)
        if size <= max_bytes:
            best = written
        else:
            too_high = written
    if best < lowest:
        got = f"{size} bytes at quality {written}"
        raise EffectRefused(f"fitting into {max_bytes} bytes", got, "more bytes or fewer px")
    if written != best:
        write(best)
    return best
