from giornata.cluster.service.api import JobApi
from tests.support.services import Place


def test_workers_are_held_by_their_place_and_let_go(place: Place, api: JobApi) -> None:
    place.put_worker("render-0.3")
    assert api.drain("render-0.3").workers[0].blocks[0].kind == "drain"
    assert api.block("render-0", reason="too hot").workers[0].blocks[0].by == "local"
    assert api.unblock("render-0").workers[0].blocks == ()
    assert api.health().role == "active"
