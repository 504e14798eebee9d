"""What Prometheus gets: the manager's counts, the state of the store; and a board that asks for no more."""

import json
import re
from pathlib import Path

import httpx

from giornata.cluster.execution.actor_metrics import NAMES
from giornata.cluster.service.auth import Access, AccessRole, Person
from giornata.cluster.service.metrics import Metrics
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState
from tests.support.fakes import ended
from tests.support.job_rows import DONE, claimed, fill, good
from tests.support.services import Place, serving

BOARD = Path(__file__).parents[3] / "infra/grafana/giornata.json"
SERIES = re.compile(r"\b(?:ray_)?giornata_[a-z_]+")
RAYS = {f"ray_{name}{end}" for name in NAMES for end in ("", "_total", "_sum", "_count", "_bucket")}


def series_of(text: str) -> set[str]:
    return set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))


def value(text: str, series: str) -> float:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{series} "))
    return float(line.rsplit(" ", 1)[1])


def test_what_the_manager_decides_is_counted(place: Place) -> None:
    job_id, metrics = place.job_service.store.jobs.create(place.spec(), base=place.root), Metrics()
    fill(place.store, job_id)
    first, second = claimed(place.store, job_id, 2)
    metrics.on_outcome(first, good(first), DONE)
    again = ended(second, OutcomeClass.TRANSIENT_IO)
    metrics.on_outcome(second, again, Decision(ItemState.QUEUED, "again"))
    text = metrics.text().decode()
    assert value(text, 'giornata_attempts_total{outcome="done"}') == 1
    assert value(text, 'giornata_retries_total{outcome="transient_io"}') == 1
    assert value(text, 'giornata_retries_total{outcome="bug"}') == 0
    assert value(text, "giornata_delivered_bytes_total") == 77
    assert value(text, "giornata_delivered_pixels_total") == 20
    assert value(text, "giornata_item_seconds_count") == 2


def test_the_state_of_the_store_is_read_when_asked(place: Place) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id)
    claimed(place.store, job_id, 2)
    place.put_worker()
    with serving(place.job_service) as url:
        text = httpx.get(f"{url}/metrics").text
    assert value(text, 'giornata_items{state="queued"}') == value(text, "giornata_queue_depth") == 3
    assert value(text, "giornata_in_flight") == 2
    assert value(text, 'giornata_live_jobs{state="running"}') == 1
    assert value(text, 'giornata_workers{state="idle"}') == 1
    assert value(text, "giornata_active") == 1


def test_a_scraper_brings_a_token(place: Place) -> None:
    vic = Person("vic", AccessRole.VIEWER)
    with serving(place.job_service, access=Access([("a-token-of-vics-", vic)])) as url:
        assert httpx.get(f"{url}/metrics").status_code == 401
        assert httpx.get(f"{url}/metrics", headers={"authorization": "Bearer a-token-of-vics-"}).is_success


def test_every_series_on_the_board_exists(place: Place) -> None:
    place.put_worker()
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id)
    with serving(place.job_service) as url:
        known = series_of(httpx.get(f"{url}/metrics").text) | RAYS
    panels = json.loads(BOARD.read_text())["panels"]
    asked = {name for panel in panels for one in panel["targets"] for name in SERIES.findall(one["expr"])}
    assert len(asked) >= 12
    assert asked <= known, asked - known


def test_no_series_grows_with_jobs_or_images(place: Place) -> None:
    text = Metrics().text().decode()
    assert not re.search(r'(job|item|image|worker)(_id)?="', text)
