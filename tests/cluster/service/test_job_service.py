"""What the job service refuses before the store is asked, and what it learns by looking."""

from giornata.cluster.service.leader import Manifests
from giornata.cluster.service.rates import Rates
from giornata.jobs.model.states import ItemState, JobEvent
from tests.support.services import Place


def test_retrying_nothing_leaves_the_job_where_it_is(place: Place) -> None:
    job_id = place.listed()
    for event in (JobEvent.START, JobEvent.COMPLETE):
        place.store.jobs.move(job_id, event)
    changed = place.job_service.retry(job_id)
    assert (changed.items, changed.job.state) == (0, "completed")


def test_a_pace_is_learnt_by_looking_and_forgotten_in_a_pause(place: Place) -> None:
    job_id = place.listed()
    rates = Rates()
    first = place.store.jobs.get(job_id)
    assert rates.of(first, now=first.created_at).images_per_s is None
    items = [item.item_id for item in place.store.items.page(job_id)]
    place.store.items.skip(job_id, items[:2], actor="anna", reason="for the pace")
    assert rates.of(place.store.jobs.get(job_id), now=first.created_at + 4).images_per_s == 0.5
    place.job_service.pause(job_id)
    assert rates.of(place.store.jobs.get(job_id), now=first.created_at + 5).images_per_s is None


def test_a_job_that_ends_gets_its_manifest_and_a_failure_is_written_down(place: Place) -> None:
    job_id = place.listed()
    items = [item.item_id for item in place.store.items.page(job_id)]
    place.store.items.skip(job_id, items, actor="anna", reason="none is wanted")
    with Manifests(place.store) as manifests:
        manifests.on_job(place.store.jobs.snapshot(job_id))
    assert not (place.root / "out").exists()
    for event in (JobEvent.START, JobEvent.COMPLETE):
        place.store.jobs.move(job_id, event)
    with Manifests(place.store) as manifests:
        manifests.on_job(place.store.jobs.snapshot(job_id))
    assert (place.root / "out" / "manifest.csv").read_text().count(ItemState.SKIPPED) == 3
    (place.root / "out" / "manifest.csv").write_text("somebody else's")
    with Manifests(place.store) as manifests:
        manifests.on_job(place.store.jobs.snapshot(job_id))
    [event] = place.store.events.page(kinds=["manifest_failed"])
    assert "not written here" in event.detail
