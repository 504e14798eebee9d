import re

import httpx

from giornata.cluster.dashboard.templating import eta_words
from giornata.cluster.service.schemas.jobs import EtaView, RatesView
from tests.cluster.dashboard.people import NASTY
from tests.support.job_rows import fill
from tests.support.services import Place


def test_every_page_answers_and_lets_only_our_own_files_run(place: Place, http: httpx.Client) -> None:
    job_id = place.listed(name=NASTY)
    item_id = next(place.store.items.all(job_id)).item_id
    place.put_worker()
    pages = ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/items/{item_id}", "/failures", "/workers", "/styles")
    for path in (*pages, "/submit", f"/submit?clone={job_id}", "/events", f"/events?job={job_id}"):
        answer = http.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert NASTY not in answer.text
        assert not re.search(r"\s(style|on\w+)=", answer.text), path
        assert not re.search(r"<(script|style)(?![^>]*\bsrc=)", answer.text), path
        assert not re.search(r'(src|href)="(https?:)?//', answer.text), path


def test_the_time_left_is_unknown_until_enough_is_seen(place: Place) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id)
    rates = RatesView(eta=EtaView(low_s=60.0, high_s=90.0))
    view = place.job_service.job(job_id).summary.model_copy(update={"rates": rates})
    assert view.started_at is not None
    assert eta_words(view, view.started_at + 5) == "unknown"
    assert eta_words(view, view.started_at + 121) == "1 min 00 s – 1 min 30 s"
    assert eta_words(view.model_copy(update={"settled": 20}), view.started_at + 5).startswith("1 min")
