"""Tasks, reports and counts for tests of the store: the smallest that say something."""

from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobEvent
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.store.records import NewItem, Settlement
from giornata.jobs.store.store import JobStore
from tests.support.fakes import ended

DONE = Decision(ItemState.DONE, "")


def task(name: str) -> RenderTask:
    target = f"/out/{name}.jpg"
    return RenderTask(
        item_id=item_id_of(target),
        source=f"/in/{name}.jpg",
        target=target,
        style_label="wave",
        mix={"wave": 1.0},
        format=PictureFormat.JPEG,
    )


def good(claim: Claim, *, attempt: int | None = None) -> Outcome:
    return Outcome(
        job_id=claim.job_id,
        item_id=claim.task.item_id,
        attempt=attempt or claim.attempt,
        outcome_class=OutcomeClass.DONE,
        sha256="5" * 64,
        bytes=77,
        width=4,
        height=5,
        seconds=2.0,
        worker="w1",
    )


def claimed(store: JobStore, job_id: str, count: int = 1) -> list[Claim]:
    epoch = store.jobs.get(job_id).epoch
    return store.leases.claim(job_id, count, 60.0, "w1", epoch=epoch)


def counts(store: JobStore, job_id: str) -> dict[str, int]:
    return {str(state): count for state, count in store.jobs.snapshot(job_id).counts.items() if count}


def counted_by_hand(store: JobStore, job_id: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in store.items.all(job_id):
        found[item.state] = found.get(item.state, 0) + 1
    return found


def fill(store: JobStore, job_id: str, names: str = "abcde") -> None:
    """Give a new job an item for each letter, and start it."""
    store.items.insert(job_id, (NewItem(task(name)) for name in names))
    store.jobs.mark_listed(job_id)
    store.jobs.move(job_id, JobEvent.START)


def fail(store: JobStore, job_id: str, kind: OutcomeClass, state: ItemState) -> str:
    """Have the next item in line end in `state` for `kind`; its id."""
    (claim,) = claimed(store, job_id)
    store.leases.finish([Settlement(claim, ended(claim, kind), Decision(state, f"because of {kind}"))])
    return claim.task.item_id
