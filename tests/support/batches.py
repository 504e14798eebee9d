"""Small batches in a real store, settled and published as the manager does it, without its loop."""

from collections.abc import Callable, Sequence
from pathlib import Path

from giornata.jobs.manager.completion import CompletionHandler
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.ports import Silent
from giornata.jobs.model.retry import RetryPolicy
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from tests.support.fakes import done

Behaviour = Callable[[Claim], Outcome]


def task_for(folder: Path, name: str, *, style: str = "wave") -> RenderTask:
    """A task that delivers `folder/out/name` from `folder/scans/name`."""
    target = str(folder.resolve() / "out" / name)
    return RenderTask(
        item_id=item_id_of(target),
        source=str(folder.resolve() / "scans" / name),
        target=target,
        style_label=style,
        mix={style: 1.0},
        format=PictureFormat.PNG,
    )


def wave_of(source: Path, target: Path, **more: object) -> RenderTask:
    """A task that paints one picture in a style that ships."""
    task = RenderTask(
        item_id="a",
        source=str(source),
        target=str(target),
        style_label="wave",
        mix={"great-wave": 1.0},
        format=PictureFormat.PNG,
    )
    return task.model_copy(update=more)


def new_job(
    store: JobStore, folder: Path, items: Sequence[str | NewItem], *, name: str = "autumn", **more: object
) -> str:
    """A listed job over `items`, file names or whole items, whose destination is `folder/out`; its id."""
    words = {"name": name, "inputs": "scans", "styles": ["wave"], "destination": "out", **more}
    job_id = store.jobs.create(parse_spec(words, origin="spec"), base=folder)
    store.items.insert(
        job_id, (one if isinstance(one, NewItem) else NewItem(task_for(folder, one)) for one in items)
    )
    store.jobs.mark_listed(job_id)
    return job_id


def take_claims(store: JobStore, job_id: str, *, count: int = 1_000) -> list[Claim]:
    """Start a job and lease what is in line."""
    if store.jobs.snapshot(job_id).state is not JobState.RUNNING:
        store.jobs.move(job_id, JobEvent.START)
    epoch, _ = store.leases.raise_epoch(job_id)
    return store.leases.claim(job_id, count, 600.0, "", epoch=epoch)


def settle(store: JobStore, claims: Sequence[Claim], behave: Behaviour = done, *, retries: int = 0) -> int:
    """End attempts as `behave` says, and write them down."""
    policy = RetryPolicy(first_delay_s=0.0).with_retries(retries)
    settler = CompletionHandler(store, LocalPublisher(), policy, Silent())
    return settler.settle([(claim, behave(claim)) for claim in claims])


def carry_out(store: JobStore, job_id: str, behave: Behaviour = done, *, retries: int = 0) -> JobState:
    """Run a job until nothing is in line."""
    while claims := take_claims(store, job_id):
        settle(store, claims, behave, retries=retries)
    lost = store.jobs.snapshot(job_id).lost
    return store.jobs.move(job_id, JobEvent.COMPLETE_WITH_FAILURES if lost else JobEvent.COMPLETE)


def delivered(store: JobStore, folder: Path, *names: str, name: str = "autumn") -> str:
    """A job that has delivered all of `names`; its id."""
    job_id = new_job(store, folder, names, name=name)
    carry_out(store, job_id)
    assert store.jobs.snapshot(job_id).counts[ItemState.DONE] == len(names)
    return job_id
