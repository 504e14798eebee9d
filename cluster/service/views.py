"""What the service says: frozen models with the store's own words, the same over HTTP and in Python."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

from giornata.cluster.pace import Eta
from giornata.jobs.outcome import OutcomeClass
from giornata.jobs.plan import PlanReport
from giornata.jobs.records import BlockKind, ItemRecord, JobLine
from giornata.jobs.spec import JobSpec
from giornata.jobs.states import ItemState, JobState


class View(BaseModel):
    """Root of all views: frozen, refuses unknown keys, and may be read from a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Role(StrEnum):
    """What a service is doing: it manages the store, or waits to take over from the one that does."""

    ACTIVE = "active"
    STANDBY = "standby"


class EtaView(View):
    """Seconds until the end, at the best and at the worst pace seen."""

    low_s: float
    high_s: float


class RatesView(View):
    """How fast a job goes; nothing where too little has been seen."""

    images_per_s: float | None = None
    megapixels_per_s: float | None = None
    eta: EtaView | None = None


class JobView(View):
    """One job: where it stands, how far it is, how fast it goes. Times are seconds since 1970."""

    job_id: str
    name: str
    state: JobState
    reason: str
    owner: str
    priority: int
    max_workers: int | None
    listed: bool
    counts: dict[ItemState, int]
    total: int
    settled: int
    lost: int
    pixels_done: int
    busy_s: float
    stale_reports: int
    rates: RatesView
    spec_digest: str
    not_before: float
    created_at: float
    updated_at: float
    started_at: float | None
    finished_at: float | None

    @classmethod
    def of(cls, line: JobLine, rates: RatesView) -> Self:
        """From the store's line."""
        return cls(**job_fields(line, rates))


class JobDetail(JobView):
    """A job with what was asked for, and its failures counted by class."""

    spec: JobSpec
    base: str
    causes: dict[str, int]

    @property
    def line(self) -> JobView:
        """The job without what was asked for."""
        return JobView(**{name: getattr(self, name) for name in JobView.model_fields})


def shown_spec(spec: JobSpec) -> JobSpec:
    """The spec for everyone who may look: webhooks without what follows their host, which often is a key."""
    if not spec.notify:
        return spec
    notify = tuple(
        one.model_copy(update={"url": "/".join([*one.url.split("/")[:3], "…"])}) for one in spec.notify
    )
    return spec.model_copy(update={"notify": notify})


def job_fields(line: JobLine, rates: RatesView) -> dict[str, object]:
    """The fields of a `JobView`."""
    numbers, kept = line.snapshot, JobView.model_fields.keys()
    own = {name: getattr(line, name) for name in line.__dataclass_fields__ if name in kept}
    summed = ("counts", "total", "settled", "lost", "pixels_done", "busy_s", "stale_reports", "name", "state")
    return {**own, **{name: getattr(numbers, name) for name in summed}, "rates": rates}


def eta_view(eta: Eta | None) -> EtaView | None:
    """The range rounded to what it is worth."""
    return None if eta is None else EtaView(low_s=round(eta.low_s, 1), high_s=round(eta.high_s, 1))


class ItemView(View):
    """One item: its task's outline and its result."""

    job_id: str
    item_id: str
    position: int
    source: str
    target: str
    style_label: str
    state: ItemState
    attempt: int
    failures: int
    not_before: float
    lease_worker: str
    last_worker: str
    outcome_class: OutcomeClass | None
    reason: str
    seconds: float
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    warnings: str
    finished_at: float | None
    content_key: str

    @classmethod
    def of(cls, record: ItemRecord) -> Self:
        """From the store's record."""
        return cls.model_validate(record)


class AttemptView(View):
    """One attempt that failed or was tried again, what was decided about it, and what it said."""

    attempt: int
    epoch: int
    worker: str
    outcome_class: OutcomeClass
    reason: str
    decision: str
    seconds: float
    at: float
    log: str


class EventView(View):
    """Who did what when; `job_id` is empty for what concerns no job."""

    event_id: int
    job_id: str
    at: float
    actor: str
    kind: str
    detail: str


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


class JobPage(View):
    """Some jobs, the newest first; `next` asks for the following page."""

    jobs: tuple[JobView, ...]
    next: str | None = None


class ItemPage(View):
    """Some items in order; `next` asks for the following page."""

    items: tuple[ItemView, ...]
    next: str | None = None


class EventPage(View):
    """Some events in order; `next` asks for those that come after."""

    events: tuple[EventView, ...]
    next: str | None = None


class AttemptList(View):
    """What happened to one item, attempt by attempt."""

    attempts: tuple[AttemptView, ...]


class Submitted(View):
    """A job that is in the store; `created` is false when it was there before."""

    job: JobView
    created: bool


class Changed(View):
    """How many items a verb moved, and where the job stands after it."""

    job: JobView
    items: int


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


class Health(View):
    """Whether this service manages the store or waits to."""

    role: Role
    version: str


class Problem(View):
    """Why something was not done: a word for programs, a line for people."""

    code: str
    message: str


class Plan(View):
    """What a job would do, said before anything runs."""

    plan: PlanReport
