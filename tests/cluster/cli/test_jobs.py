"""The verbs as the shell sees them: on a service, and on this machine's own store when none is up."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from giornata.cluster.cli import options as reach
from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.cluster.service import local
from giornata.jobs.manager.listing import REJECTED
from giornata.jobs.model.states import ItemState, JobEvent
from tests.support.services import Place, serving

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A store at `GIORNATA_HOME`, and no service at the usual place."""
    made = Place(tmp_path)
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    for name in ("GIORNATA_URL", "GIORNATA_TOKEN", "GIORNATA_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(reach, "PORT", 9)
    monkeypatch.chdir(tmp_path)
    with made.store:
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Carries a command out in this process: its exit code, and what it wrote to both streams."""

    def carry_out(*words: str) -> tuple[int, str]:
        code = dispatch(list(words))
        said = capsys.readouterr()
        return code, said.out + said.err

    return carry_out


@pytest.fixture(params=["service", "store"])
def anywhere(
    request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A place reached through its service, or without one."""
    if request.param == "store":
        yield place
        return
    with serving(place.desk) as url:
        monkeypatch.setenv("GIORNATA_URL", url)
        yield place


def test_a_job_is_listed_and_shown(anywhere: Place, run: Run) -> None:
    job_id = anywhere.listed()
    code, said = run("ls")
    assert code == 0
    assert said.splitlines()[0].split()[:3] == ["JOB", "NAME", "STATE"]
    assert said.splitlines()[1].split()[:4] == [job_id, "autumn", "queued", "0/3"]
    assert [job["job_id"] for job in json.loads(run("ls", "--json", "--state", "queued,paused")[1])] == [
        job_id
    ]
    assert run("ls", "--state", "completed", "--json") == (0, "[]\n")
    code, said = run("show", job_id)
    assert (code, "0/3 (3 queued)" in said) == (0, True)
    assert json.loads(run("show", job_id, "--json")[1])["spec"]["name"] == "autumn"
    assert run("show", "nobody")[0] == Exit.NOT_FOUND


def test_a_job_is_moved_and_what_cannot_be_is_told_in_a_line(anywhere: Place, run: Run) -> None:
    job_id = anywhere.listed()
    assert run("pause", job_id) == (0, f"{job_id} is paused: 0/3 items, priority 50\n")
    assert run("set", job_id, "--priority", "80", "--max-workers", "4")[1].endswith("at most 4 workers\n")
    assert run("set", job_id, "--max-workers", "0")[1].endswith("priority 80\n")
    assert run("set", job_id)[0] == Exit.USAGE
    assert run("resume", job_id)[0] == 0
    code, said = run("resume", job_id)
    assert (code, len(said.splitlines())) == (Exit.REJECTED, 1)
    assert "queued" in said


def test_bulk_verbs_say_the_count_and_need_a_person_or_yes(anywhere: Place, run: Run) -> None:
    job_id = anywhere.listed()
    code, said = run("cancel", job_id)
    assert code == Exit.REJECTED
    assert f"cancel 3 items of {job_id}: nobody is here to ask, needed --yes" in said
    assert run("cancel", job_id, "--yes")[0] == 0
    assert run("wait", job_id)[0] == Exit.CANCELLED
    code, said = run("retry", job_id, "--state", "cancelled", "--yes")
    assert (code, said) == (0, f"3 items queued again; {job_id} is queued\n")
    assert run("retry", job_id, "--state", "broken", "--yes")[0] == Exit.USAGE
    first = anywhere.store.items.page(job_id, limit=1)[0].item_id
    assert run("skip", job_id, first)[0] == Exit.REJECTED
    assert run("skip", job_id, first, "--yes", "--reason", "not ours") == (
        0,
        f"1 items left out; {job_id} is queued\n",
    )
    assert run("skip", job_id, "no-such-item", "--yes")[0] == Exit.NOT_FOUND


def test_items_are_listed_and_looked_into(anywhere: Place, run: Run) -> None:
    job_id = anywhere.listed()
    code, said = run("items", job_id, "--state", "queued")
    assert (code, len(said.splitlines())) == (0, 4)
    items = json.loads(run("items", job_id, "--json", "--limit", "2")[1])
    assert [Path(item["source"]).name for item in items] == ["a.jpg", "b.jpg"]
    assert run("items", job_id, "--class", "oom_device", "--json") == (0, "[]\n")
    code, said = run("logs", job_id, items[0]["item_id"])
    assert (code, "a.jpg" in said) == (0, True)
    assert json.loads(run("logs", job_id, items[0]["item_id"], "--json")[1])["attempts"] == []
    assert run("logs", job_id, "nothing")[0] == Exit.NOT_FOUND


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
    job_id = anywhere.desk.submit(anywhere.spec(), base=anywhere.root).job.job_id
    anywhere.store.jobs.move(job_id, JobEvent.REJECT, reason=REJECTED + "two outputs of one name")
    assert run("wait", job_id, "--json")[0] == Exit.REJECTED


def test_files_are_verified_reported_and_cleaned(anywhere: Place, run: Run) -> None:
    job_id = anywhere.listed()
    assert run("verify", job_id) == (0, "0 of 0 delivered files are intact\n")
    assert run("report", job_id) == (0, f"{job_id}.html\n")
    assert (anywhere.root / f"{job_id}.html").read_text().lower().startswith("<!doctype html>")
    assert run("report", job_id)[0] == Exit.REJECTED
    assert run("report", job_id, "--force")[0] == 0
    assert job_id in run("report", job_id, "-o", "-")[1]
    assert run("gc", "--dry-run", "--json") == (0, '{"leftovers":[],"removed":0}\n')
    assert run("recover")[1].endswith("0 jobs taken over, 0 findings\n")


def test_a_dead_managers_jobs_are_taken_over(place: Place, run: Run) -> None:
    job_id = place.listed()
    place.store.jobs.move(job_id, JobEvent.START)
    epoch, _ = place.store.leases.raise_epoch(job_id)
    assert len(place.store.leases.claim(job_id, 2, 60.0, "", epoch=epoch)) == 2
    code, said = run("recover", "--json")
    assert (code, json.loads(said)["taken_over"]) == (0, [job_id])
    assert place.store.jobs.snapshot(job_id).counts[ItemState.QUEUED] == 3


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
    with serving(place.desk) as url:
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


def test_workers_are_listed_held_and_let_go(place: Place, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put_worker()
    with serving(place.desk) as url:
        monkeypatch.setenv("GIORNATA_URL", url)
        assert "drain by local: too hot" in run("workers", "drain", "render-0.0", "--reason", "too hot")[1]
        assert json.loads(run("workers", "unblock", "render-0", "--json")[1])["workers"][0]["blocks"] == []
        assert run("workers", "block", "render-7")[0] == Exit.NOT_FOUND
        assert len(run("workers", "ls")[1].splitlines()) == 2


def test_the_service_refuses_to_be_open_without_a_token(place: Place) -> None:
    words = [sys.executable, "-m", "giornata.cluster.cli.main", "up", "--host", "0.0.0.0"]  # noqa: S104
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, cwd=place.root)
    assert done.returncode == Exit.REJECTED, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "--token-file" in done.stderr


def test_help_and_lists_wait_for_nothing_heavy(place: Place) -> None:
    code = (
        "import sys; from giornata.cluster.cli.main import dispatch; "
        "dispatch(['ls']); dispatch(['submit', '--help']); dispatch(['workers', '--help']); "
        "sys.exit(3 if {'torch', 'ray', 'fastapi', 'uvicorn'} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place.root)
    assert done.returncode == 0, done.stderr
    assert "Hand a batch to the service" in done.stdout


def test_the_local_desk_is_the_store_at_home(place: Place) -> None:
    job_id = place.listed()
    with local.local_desk() as desk:
        assert [job.job_id for job in desk.jobs().jobs] == [job_id]
