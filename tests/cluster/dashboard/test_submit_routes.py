from collections.abc import Iterator

import httpx
import pytest

from tests.support.services import Place

HTML = {"accept": "text/html"}


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=HTML) as client:
        yield client


def test_a_spec_is_sent_as_it_is_written_and_refused_in_our_words(place: Place, url: str) -> None:
    with httpx.Client(base_url=url) as http:
        order = {
            "text": "name: form\ninputs: scans\nstyles: [wave]\ndestination: out\n",
            "base": str(place.root),
        }
        plan = http.post("/submit", json={**order, "dry_run": True}).json()["plan"]
        assert plan["pictures"] == 3
        made = http.post("/submit", json=order)
        assert made.status_code == 201
        assert http.post("/submit", json=order).json() == {**made.json(), "created": False}
        wrong = http.post("/submit", json={**order, "text": "name: [unclosed"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_spec")
        again = http.get(f"/submit?clone={made.json()['job_id']}").text
        assert "name: form" in again
