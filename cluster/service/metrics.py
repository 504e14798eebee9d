"""`Metrics`: the service's Prometheus series: what the manager decided, and how the store stands when asked.

No series is about a single image or a single job: there are as many of them on the first day as in a year.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.schemas.base import Role
from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.records import BlockKind

SECONDS = (0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600)


class Metrics:
    """A `Progress` that counts, and gauges of a job service; may be used from several threads."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._attempts = Counter(
            "giornata_attempts", "Attempts that ended, by outcome.", ["outcome"], registry=registry
        )
        self._retries = Counter(
            "giornata_retries",
            "Attempts that will be made again, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "giornata_item_seconds",
            "Seconds of a worker for one attempt.",
            buckets=SECONDS,
            registry=registry,
        )
        self._bytes = Counter("giornata_delivered_bytes", "Bytes of delivered files.", registry=registry)
        self._pixels = Counter("giornata_delivered_pixels", "Pixels of delivered files.", registry=registry)
        for kind in OutcomeClass:  # a series that is not there until something fails cannot be watched
            self._attempts.labels(kind)
            self._retries.labels(kind)

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Ignore snapshots: the store has the numbers."""

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Count a decision about an attempt."""
        self._attempts.labels(outcome.outcome_class).inc()
        self._seconds.observe(outcome.seconds)
        if decision.state is ItemState.QUEUED:
            self._retries.labels(outcome.outcome_class).inc()
        if decision.state is ItemState.DONE:
            self._bytes.inc(outcome.bytes or 0)
            self._pixels.inc((outcome.width or 0) * (outcome.height or 0))

    def watch(
        self, job_service: JobService, *, streams: Callable[[], int], dropped: Callable[[], int]
    ) -> None:
        """Add gauges of a job service, and of how many pages listen and how many previews were dropped."""
        self.registry.register(_StoreGauges(job_service, streams, dropped))

    def text(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)


class _StoreGauges(Collector):
    """Gauges that are read from the store at every scrape."""

    def __init__(
        self, job_service: JobService, streams: Callable[[], int], dropped: Callable[[], int]
    ) -> None:
        self._job_service, self._streams, self._dropped = job_service, streams, dropped

    def describe(self) -> Iterable[Metric]:
        """No metrics: registering must not read the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Gauges as they are now."""
        yield _gauge("giornata_active", "1 where this service manages the store.", self._is_active())
        yield _gauge("giornata_streams", "Pages and programs that listen.", self._streams())
        yield _gauge("giornata_previews_dropped", "Wishes for previews that were dropped.", self._dropped())
        try:
            yield from self._of_store()
        except StoreUnavailable:
            return  # the absence of a series says that

    def _is_active(self) -> int:
        return int(self._job_service.role() is Role.ACTIVE)

    def _of_store(self) -> Iterator[Metric]:
        jobs = self._job_service.store.jobs
        live = [jobs.snapshot(record.job_id) for record in jobs.live()]
        gauge = GaugeMetricFamily(
            "giornata_live_jobs", "Jobs that have not ended, by state.", labels=["state"]
        )
        for state in sorted({job.state for job in live}):
            gauge.add_metric([state], sum(job.state is state for job in live))
        items = GaugeMetricFamily("giornata_items", "Items of live jobs, by state.", labels=["state"])
        for item_state in ItemState:
            items.add_metric([item_state], sum(job.counts.get(item_state, 0) for job in live))
        yield gauge
        yield items
        queued, leased = (
            sum(job.counts.get(state, 0) for job in live) for state in (ItemState.QUEUED, ItemState.LEASED)
        )
        yield _gauge("giornata_queue_depth", "Items that wait for a worker.", queued)
        yield _gauge("giornata_in_flight", "Items that workers have.", leased)
        stale = sum(job.stale_reports for job in live)
        yield _gauge("giornata_stale_reports", "Reports of live jobs that came too late to count.", stale)
        yield from self._of_workers()

    def _of_workers(self) -> Iterator[Metric]:
        workers = GaugeMetricFamily("giornata_workers", "Workers, by state.", labels=["state"])
        states = [record.state for record in self._job_service.store.workers.all()]
        for state in sorted(set(states)):
            workers.add_metric([state], states.count(state))
        yield workers
        blocks = GaugeMetricFamily(
            "giornata_blocks", "What keeps work from workers, by kind.", labels=["kind"]
        )
        kinds = [block.kind for block in self._job_service.store.workers.blocks()]
        for kind in BlockKind:
            blocks.add_metric([kind], kinds.count(kind))
        yield blocks


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, description, value=value)
