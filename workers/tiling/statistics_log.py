"""The workbook of one picture: what its workers have found out so far, kept where a killed process left it.

Totals of finished phases, and moments of single tiles of the phase at hand. Each process appends to files of
its own, so that nobody waits for anybody; a record that was cut off in the middle does not count.
"""

import json
import os
from pathlib import Path

import numpy as np

from giornata.atomic_file import atomic_write
from giornata.styles.moments import Moments, Totals, from_lists

HEAD_WORDS = 4  # index of the tile, count of positions, length of the sums, length of the sums of squares
WORD_BYTES = 8


class StatisticsLog:
    """Belongs to one process at a time; others of the same picture have their own on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._phase = -1
        self._known: dict[int, Moments] = {}
        self._read_to: dict[Path, int] = {}

    def totals(self) -> Totals:
        """Totals of the phases that are over, in order."""
        try:
            return from_lists(json.loads((self.folder / "totals.json").read_text()))
        except FileNotFoundError:
            return ()

    def keep_totals(self, totals: Totals) -> None:
        """Store the totals of all phases that are over; in one step, so that they are never half there."""
        with atomic_write(self.folder / "totals.json") as part:
            part.write_text(json.dumps([total.as_lists() for total in totals]))

    def learn(self, totals: Totals) -> None:
        """Store totals from another process, unless as many are known."""
        if len(totals) > len(self.totals()):
            self.keep_totals(totals)

    def moments(self, phase: int, index: int) -> Moments | None:
        """Moments of a tile in this phase, computed by any process; None when there are none."""
        if phase != self._phase:
            self._phase, self._known, self._read_to = phase, {}, {}
            self.look()
        return self._known.get(index)

    def look(self) -> None:
        """Read the moments that other processes recorded for the phase at hand since the last look."""
        for path in self.folder.glob(f"moments-{self._phase:02d}-*.log"):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path, 0))
                data = file.read()
            self._read_to[path] = self._read_to.get(path, 0) + self._take(data)

    def note(self, phase: int, index: int, moments: Moments) -> None:
        """Record the moments of one tile."""
        lengths = [len(moments.total), len(moments.squares)]
        head = np.array([index, moments.count, *lengths], np.int64)
        record = head.tobytes() + moments.total.tobytes() + moments.squares.tobytes()
        path = self.folder / f"moments-{phase:02d}-{os.getpid()}.log"
        with path.open("ab", buffering=0) as file:
            file.write(record)

    def _take(self, data: bytes) -> int:
        """Read whole records; returns the bytes they had."""
        at = 0
        while at + HEAD_WORDS * WORD_BYTES <= len(data):
            index, count, channels, products = (
                int(word) for word in np.frombuffer(data, np.int64, HEAD_WORDS, at)
            )
            word_count = channels + products
            end = at + (HEAD_WORDS + word_count) * WORD_BYTES
            if end > len(data):
                break
            sums = np.frombuffer(data, np.float64, word_count, at + HEAD_WORDS * WORD_BYTES).copy()
            self._known[index] = Moments(count, sums[:channels], sums[channels:])
            at = end
        return at
