"""Models of jobs, items and attempts in answers: the store's own words, the same over HTTP and in Python."""

from typing import Self

from giornata.cluster.batch.eta import Eta
from giornata.cluster.service.schemas.base import View
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import ItemRecord, JobLine


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
    def summary(self) -> JobView:
        """The job without what was asked for."""
        return JobView(**{name: getattr(self, name) for name in JobView.model_fields})


def shown_spec(spec: JobSpec) -> JobSpec:
    """The spec for everyone who may look: webhooks without what follows their host, which often is a key."""
    if not spec.notify:
        return spec
    notify = tuple(
        webhook.model_copy(update={"url": "/".join([*webhook.url.split("/")[:3], "…"])})
        for webhook in spec.notify
    )
    return spec.model_copy(update={"notify": notify})


def job_fields(line: JobLine, rates: RatesView) -> dict[str, object]:
    """The fields of a `JobView`."""
    numbers, names = line.snapshot, JobView.model_fields.keys()
    own = {name: getattr(line, name) for name in line.__dataclass_fields__ if name in names}
    summed = ("counts", "total", "settled", "lost", "pixels_done", "busy_s", "stale_reports", "name", "state")
    return {**own, **{name: getattr(numbers, name) for name in summed}, "rates": rates}


def eta_view(eta: Eta | None) -> EtaView | None:
    """The range rounded to what it is worth."""
    return None if eta is None else EtaView(low_s=round(eta.low_s, 1), high_s=round(eta.high_s, 1))


class JobPage(View):
    """Some jobs, the newest first; `next` asks for the following page."""

    jobs: tuple[JobView, ...]
    next: str | None = None


class Submitted(View):
    """A job that is in the store; `created` is false when it was there before."""

    job: JobView
    created: bool


class Changed(View):
    """How many items a verb moved, and where the job stands after it."""

    job: JobView
    items: int


class Plan(View):
    """What a job would do, said before anything runs."""

    plan: PlanReport


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


class ItemPage(View):
    """Some items in order; `next` asks for the following page."""

    items: tuple[ItemView, ...]
    next: str | None = None


class AttemptList(View):
    """What happened to one item, attempt by attempt."""

    attempts: tuple[AttemptView, ...]
