"""The queue between jobs: priority first, then fair shares between jobs of equal priority."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """A job that may be given items; `limit` is its `max_workers`, nothing means all of them."""

    job_id: str
    priority: int
    in_flight: int
    limit: int | None = None

    @property
    def headroom(self) -> int | None:
        """How many more items it may have in flight."""
        return None if self.limit is None else max(0, self.limit - self.in_flight)


def allot(shares: Sequence[Share], room: int) -> dict[str, int]:
    """How many of `room` places go to which job; jobs of equal priority come in the order given.

    All places go to the highest priority. Within it each place goes to the job with the fewest items in
    flight (water-filling), so that a new job catches up with an old one at once.
    """
    given: dict[str, int] = {}
    for priority in sorted({share.priority for share in shares}, reverse=True):
        peers = [share for share in shares if share.priority == priority]
        levels = {share.job_id: share.in_flight for share in peers}
        while room > 0:
            open_peers = [
                one for one in peers if one.headroom is None or given.get(one.job_id, 0) < one.headroom
            ]
            if not open_peers:
                break
            poorest = min(open_peers, key=lambda one: levels[one.job_id])
            levels[poorest.job_id] += 1
            given[poorest.job_id] = given.get(poorest.job_id, 0) + 1
            room -= 1
    return given
