"""What the service says of workers, events, and the files it looks after."""

from giornata.cluster.service.schemas.base import View
from giornata.jobs.store.records import BlockKind


class BlockView(View):
    """Why a worker gets no more work, and who said so."""

    worker: str
    kind: BlockKind
    reason: str
    by: str
    at: float


class WorkerView(View):
    """One worker as the manager last saw it, with what keeps work from it."""

    worker: str
    state: str
    node: str
    pid: int | None
    job_id: str
    item_id: str
    done: int
    failures: int
    seen_at: float
    blocks: tuple[BlockView, ...] = ()


class WorkerList(View):
    """The workers there are, and blocks of workers that are not there now."""

    workers: tuple[WorkerView, ...]
    absent: tuple[BlockView, ...] = ()


class EventView(View):
    """Who did what when; `job_id` is empty for what concerns no job."""

    event_id: int
    job_id: str
    at: float
    actor: str
    kind: str
    detail: str


class EventPage(View):
    """Some events in order; `next` asks for those that come after."""

    events: tuple[EventView, ...]
    next: str | None = None


class VerifiedView(View):
    """What came of reading every delivered file again."""

    checked: int
    intact: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    strays: tuple[str, ...]
    reopened: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything that was delivered is there as it was."""
        return self.checked == self.intact


class LeftoverView(View):
    """A file that a dead process left behind."""

    path: str
    bytes: int
    why: str


class Cleaned(View):
    """What was found left behind, and how much of it was removed."""

    leftovers: tuple[LeftoverView, ...]
    removed: int


class Finding(View):
    """Something that does not hold, in words."""

    job_id: str
    words: str


class Recovered(View):
    """Jobs that were taken over from a dead manager, and what an audit of all jobs found."""

    taken_over: tuple[str, ...]
    findings: tuple[Finding, ...]
