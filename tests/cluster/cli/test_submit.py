import json
from collections.abc import Callable

import pytest

from giornata.cluster.cli.exits import Exit
from giornata.jobs.manager.listing import REJECTED
from giornata.jobs.model.states import JobEvent
from tests.support.services import Place, serving

Run = Callable[..., tuple[int, str]]


def test_submitting_needs_a_service_and_says_how_to_start_one(place: Place, run: Run) -> None:
    spec = place.root / "job.yaml"
    spec.write_text("name: autumn\ninputs: scans\nstyles: [udnie]\ndestination: out\n")
    for words in (("submit", "job.yaml"), ("workers", "ls")):
        code, said = run(*words)
        assert (code, len(said.splitlines())) == (Exit.UNREACHABLE, 1)
        assert "giornata up" in said
    assert json.loads(run("submit", "job.yaml", "--dry-run", "--json")[1])["items"] == 3
    assert run("ls", "--url", "http://127.0.0.1:9")[0] == Exit.UNREACHABLE


def test_a_batch_is_submitted_and_what_is_wrong_with_it_is_told_in_a_line(
    place: Place, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = place.root / "job.yaml"
    text = "name: autumn\ninputs: scans\nstyles: [wave]\ndestination: out\n"
    with serving(place.job_service) as url:
        monkeypatch.setenv("GIORNATA_URL", url)
        spec.write_text(text)
        code, said = run("submit", "job.yaml", "--priority", "80", "--client-token", "T")
        assert (code, said.strip()) == (0, place.store.jobs.ids()[0])
        again = json.loads(run("submit", "job.yaml", "--client-token", "T", "--json")[1])
        assert (again["created"], again["job"]["priority"]) == (False, 80)
        assert run("submit", "job.yaml", "--wait", "--timeout", "0.1")[0] == Exit.NOT_FINISHED
        for wrong, words, expected in (
            ("styles", "stiles", Exit.USAGE),
            ("scans", "nowhere", Exit.REJECTED),
            ("wave", "waves", Exit.REJECTED),
        ):
            spec.write_text(text.replace(wrong, words).replace("autumn", "other"))
            code, said = run("submit", "job.yaml")
            assert (code, len(said.splitlines())) == (expected, 1)
            assert words in said
    assert len(place.store.jobs.ids()) == 1


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([JobEvent.COMPLETE], Exit.DONE),
        ([JobEvent.COMPLETE_WITH_FAILURES], Exit.COMPLETED_WITH_FAILURES),
        ([JobEvent.FAIL], Exit.FAILED),
        ([JobEvent.CANCEL, JobEvent.DRAIN], Exit.CANCELLED),
        ([], Exit.NOT_FINISHED),
    ],
    ids=lambda value: str(value),
)
def test_waiting_ends_with_the_code_of_the_job(
    anywhere: Place, run: Run, events: list[JobEvent], code: Exit
) -> None:
    job_id = anywhere.listed()
    for event in (JobEvent.START, *events):
        anywhere.store.jobs.move(job_id, event)
    assert run("wait", job_id, "--timeout", "0")[0] == code
    if events:
        assert run("watch", job_id)[0] == code


def test_a_job_that_was_rejected_while_listing_ends_with_its_own_code(anywhere: Place, run: Run) -> None:
    job_id = anywhere.job_service.submit(anywhere.spec(), base=anywhere.root).job.job_id
    anywhere.store.jobs.move(job_id, JobEvent.REJECT, reason=REJECTED + "two outputs of one name")
    assert run("wait", job_id, "--json")[0] == Exit.REJECTED
