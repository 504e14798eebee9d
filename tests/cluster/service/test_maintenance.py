from giornata.cluster.service.api import JobApi
from tests.support.services import Place


def test_files_are_looked_after(place: Place, api: JobApi) -> None:
    job_id = place.listed()
    assert api.verify(job_id).checked == 0
    assert job_id in api.report(job_id)
    assert api.recover().taken_over == ()
    assert api.gc().leftovers == ()
