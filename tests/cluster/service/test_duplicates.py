from giornata.cluster.service.api import JobApi
from giornata.jobs.model.states import JobState
from tests.support.services import Place

NIGHTLY = "nightly 7"


def test_a_batch_is_one_job_while_it_lives_and_a_new_one_after_that(place: Place, api: JobApi) -> None:
    spec = place.spec()
    first = api.submit(spec, base=place.root, priority=70, max_workers=3)
    assert first.created
    assert (first.job.state, first.job.priority, first.job.max_workers) == (JobState.LISTING, 70, 3)
    assert first.job.owner == "local"
    again = api.submit(spec, base=place.root)
    assert (again.created, again.job.job_id) == (False, first.job.job_id)
    api.cancel(first.job.job_id)
    assert api.submit(spec, base=place.root).created


def test_the_same_token_is_the_same_job_for_ever(place: Place, api: JobApi) -> None:
    first = api.submit(place.spec(), base=place.root, client_token=NIGHTLY)
    api.cancel(first.job.job_id)
    again = api.submit(place.spec(name="other"), base=place.root, client_token=NIGHTLY)
    assert (again.created, again.job.job_id) == (False, first.job.job_id)
