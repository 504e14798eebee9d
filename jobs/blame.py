"""`Blame`: tells a sick worker from a sick picture, and says which worker to set aside."""

from collections import OrderedDict, defaultdict

from giornata.jobs.outcome import OutcomeClass

SET_ASIDE_AFTER = 3  # different items; one picture may be at fault, three hardly are
REMEMBERED = 1_000  # items whose failures are kept in mind
_TELLING = frozenset(
    {OutcomeClass.TRANSIENT_IO, OutcomeClass.TIMEOUT, OutcomeClass.BUG, OutcomeClass.WORKER_LOST}
)


def place_of(worker: str) -> str:
    """The place of a worker, which outlives the process in it: `render-0` of `render-0.3`."""
    return worker.rsplit(".", 1)[0]


class Blame:
    """Failures by place and item. An item that failed in two places speaks against itself only."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str], set[str]] = OrderedDict()

    def note(self, job_id: str, item_id: str, worker: str, kind: OutcomeClass) -> None:
        """Take one outcome in."""
        if not worker:
            return
        key = (job_id, item_id)
        if kind in _TELLING:
            self._places.setdefault(key, set()).add(place_of(worker))
            while len(self._places) > REMEMBERED:
                self._places.popitem(last=False)

    def suspects(self) -> dict[str, int]:
        """Places that failed enough different items which failed nowhere else, with how many."""
        counts: defaultdict[str, int] = defaultdict(int)
        for places in self._places.values():
            if len(places) == 1:
                counts[next(iter(places))] += 1
        return {place: count for place, count in counts.items() if count >= SET_ASIDE_AFTER}

    def forgive(self, place: str) -> None:
        """Forget what is held against a place."""
        self._places = OrderedDict(
            (key, places) for key, places in self._places.items() if place not in places
        )
