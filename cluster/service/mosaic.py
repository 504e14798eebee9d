"""`Mosaics`: a byte for the state of every item of the jobs that somebody watches, kept up to date."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from giornata.jobs.errors import UnknownJob
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore

LETTERS = {
    ItemState.QUEUED: "q",
    ItemState.LEASED: "l",
    ItemState.DONE: "d",
    ItemState.FAILED: "f",
    ItemState.QUARANTINED: "x",
    ItemState.SKIPPED: "s",
    ItemState.CANCELLED: "c",
}
GAP = "."  # a position without an item
MOST_RUNS = 4000  # sent one by one; more, and everyone asks for the whole again
NARROW = 20_000  # items that are read again rather than asked for by their positions
RESCAN_S = 5.0
RESCAN_SHARE = 50  # a whole look takes at most this part of the time
UNWATCHED_S = 60.0
MOST_JOBS = 16
_CODES = {state: letter.encode()[0] for state, letter in LETTERS.items()}
_MOVED = (ItemState.LEASED, ItemState.DONE, ItemState.FAILED, ItemState.QUARANTINED)
_OPEN = frozenset((_CODES[ItemState.QUEUED], _CODES[ItemState.LEASED]))

Counts = Mapping[ItemState, int]


@dataclass
class Mosaic:
    """The states of one job's items in order."""

    store: JobStore
    job_id: str
    cells: bytearray = field(default_factory=bytearray)
    newest: int | None = None  # the position of an image that was just finished
    watched_at: float = 0.0
    _counts: dict[int, int] = field(default_factory=dict)
    _high: int = -1
    _scanned_at: float = 0.0
    _scan_s: float = 0.0

    def scan(self) -> None:
        """Look at every item."""
        begun = time.monotonic()
        counts = self.store.jobs.snapshot(self.job_id).counts
        size = self.store.states.highest(self.job_id) + 1
        common = max(counts, key=lambda state: counts[state], default=ItemState.QUEUED)
        # Without gaps what is in no other state is in the most common one, and most of the index is not read.
        whole = sum(counts.values()) == size
        cells = bytearray(bytes([_CODES[common]] if whole else GAP.encode()) * size)
        states = [state for state in ItemState if not (whole and state is common)]
        for run in self.store.states.ranges(self.job_id, states=states, last=size - 1):
            cells[run.first : run.last + 1] = bytes([_CODES[run.state]]) * (run.last - run.first + 1)
        self.cells = cells
        self._counts = {code: cells.count(code) for code in _CODES.values()}
        self._high = self.store.states.highest(self.job_id, _MOVED)
        self._scanned_at, self._scan_s = time.monotonic(), time.monotonic() - begun

    def change(self, counts: Counts) -> dict[str, Any] | None:
        """The change as the service sends it: `runs`, or `anew` to fetch all again; None without one."""
        if self._agrees(counts):
            return None
        codes = self._changed_codes()
        runs = [] if codes is None else self._apply(codes)
        if not self._agrees(counts) and self._may_scan():
            # People moved items that nobody was working on: a retry, a skip, a cancel; or many came at once.
            self.scan()
            return {"anew": True, "newest": self.newest}
        change: dict[str, Any] = {"anew": True} if len(runs) > MOST_RUNS else {"runs": runs}
        return {**change, "newest": self.newest} if runs else None

    def _agrees(self, counts: Counts) -> bool:
        return all(self._counts.get(code, 0) == counts.get(state, 0) for state, code in _CODES.items())

    def _may_scan(self) -> bool:
        since = time.monotonic() - self._scanned_at
        return since > max(min(RESCAN_S, 100 * self._scan_s), RESCAN_SHARE * self._scan_s)

    def _changed_codes(self) -> dict[int, int] | None:
        """Codes by position that may have changed; None for too many. Work begins at the front of a job."""
        high = self.store.states.highest(self.job_id, _MOVED)
        last = max(high, self.store.states.highest(self.job_id))
        old, self._high = self._high, high
        last = last if last >= len(self.cells) else high
        front = min(
            (position for position in map(self.cells.find, _OPEN) if position >= 0), default=len(self.cells)
        )
        if last - front <= NARROW:
            return self._range(front, last)
        early = list(islice(self._open_until(old), NARROW + 1))
        if last - old > NARROW or len(early) > NARROW:
            return None
        states = self.store.states.at(self.job_id, early)
        return {at: _CODES[state] for at, state in states.items()} | self._range(old + 1, last)

    def _open_until(self, last: int) -> Iterator[int]:
        for code in _OPEN:
            position = self.cells.find(code, 0, last + 1)
            while position >= 0:
                yield position
                position = self.cells.find(code, position + 1, last + 1)

    def _range(self, first: int, last: int) -> dict[int, int]:
        runs = self.store.states.ranges(self.job_id, first=first, last=last)
        return {at: _CODES[run.state] for run in runs for at in range(run.first, run.last + 1)}

    def _apply(self, changes: Mapping[int, int]) -> list[list[Any]]:
        """Runs of [first, last, letter] that are new."""
        top = max(changes, default=-1)
        self.cells.extend(GAP.encode() * (top + 1 - len(self.cells)))
        runs: list[list[Any]] = []
        for at in sorted(changes):
            code, before = changes[at], self.cells[at]
            if code == before:
                continue
            self.cells[at] = code
            self._counts[before] = self._counts.get(before, 0) - 1
            self._counts[code] = self._counts.get(code, 0) + 1
            if code == _CODES[ItemState.DONE]:
                self.newest = at
            if runs and runs[-1][1] == at - 1 and runs[-1][2] == chr(code):
                runs[-1][1] = at
            else:
                runs.append([at, at, chr(code)])
        return runs


class Mosaics:
    """The mosaics of a store's jobs that were asked for lately; may be used from several threads."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._mosaics: dict[str, Mosaic] = {}
        self._turn = threading.Lock()

    def cells(self, job_id: str) -> bytes:
        """A letter for each item of a job in order. Raises `UnknownJob`."""
        return bytes(self.watched(job_id).cells)

    def watched(self, job_id: str) -> Mosaic:
        """The mosaic of a job, looked at from now on. Raises `UnknownJob`."""
        with self._turn:
            mosaic = self._mosaics.get(job_id)
            if mosaic is None:
                self._store.jobs.snapshot(job_id)
                mosaic = Mosaic(self._store, job_id)
                mosaic.scan()
                mosaic.watched_at = time.monotonic()
                self._mosaics[job_id] = mosaic
                self._forget_some()
            mosaic.watched_at = time.monotonic()
            return mosaic

    def newest(self, job_id: str) -> int | None:
        """The position of the image that was seen to be finished last, if the job is watched."""
        mosaic = self._mosaics.get(job_id)
        return mosaic.newest if mosaic else None

    def keep(self, job_id: str) -> None:
        """Keep the mosaic of a job that is still watched."""
        if mosaic := self._mosaics.get(job_id):
            mosaic.watched_at = time.monotonic()

    def changes(self, job_counts: Mapping[str, Counts]) -> dict[str, dict[str, Any]]:
        """The change of each watched job; `job_counts` has the counts that are known already."""
        changes = {}
        with self._turn:
            self._forget_some()
            for job_id, mosaic in list(self._mosaics.items()):
                try:
                    counts = job_counts.get(job_id) or self._store.jobs.snapshot(job_id).counts
                except UnknownJob:
                    del self._mosaics[job_id]
                    continue
                if change := mosaic.change(counts):
                    changes[job_id] = change
        return changes

    def _forget_some(self) -> None:
        oldest = sorted(self._mosaics.values(), key=lambda mosaic: -mosaic.watched_at)
        for position, mosaic in enumerate(oldest):
            if position >= MOST_JOBS or time.monotonic() - mosaic.watched_at > UNWATCHED_S:
                del self._mosaics[mosaic.job_id]
