from pathlib import Path

from giornata.cluster.service.api import JobApi
from giornata.cluster.service.paging import all_items, all_jobs
from giornata.jobs.model.states import ItemState, JobState
from tests.support.services import Place


def test_jobs_and_items_come_in_pages(place: Place, api: JobApi) -> None:
    for name in ("one", "two", "three"):
        job_id = place.listed(name=name, destination=name)
    page = api.jobs(limit=2)
    assert [job.name for job in page.jobs] == ["three", "two"]
    rest = api.jobs(limit=2, after=page.next)
    assert [job.name for job in rest.jobs] == ["one"]
    assert rest.next is None
    items = api.items(job_id, limit=2, states=[ItemState.QUEUED])
    more = api.items(job_id, limit=2, after=items.next)
    assert [Path(one.source).name for one in (*items.items, *more.items)] == ["a.jpg", "b.jpg", "c.png"]
    assert api.item(job_id, items.items[0].item_id) == items.items[0]
    assert api.attempts(job_id, items.items[0].item_id).attempts == ()
    detail = api.job(job_id)
    assert detail.spec == place.spec(name="three", destination="three")
    assert (detail.total, detail.settled, detail.causes) == (3, 0, {})


def test_all_pages_come_as_one(place: Place, api: JobApi) -> None:
    job_ids = [place.listed(name=f"n{number}", destination=f"n{number}") for number in range(103)]
    assert [job.job_id for job in all_jobs(api)] == job_ids[::-1]
    place.job_service.pause(job_ids[1])
    assert [job.job_id for job in all_jobs(api, states=[JobState.PAUSED])] == [job_ids[1]]
    names = [Path(item.source).name for item in all_items(api, job_ids[0])]
    assert names == ["a.jpg", "b.jpg", "c.png"]
    assert list(all_items(api, job_ids[0], states=[ItemState.DONE])) == []
