"""The commands as the shell sees them: on a service, and on this machine's own store when none is up."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from giornata.cluster.cli.exits import Exit
from tests.support.services import Place

Run = Callable[..., tuple[int, str]]


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
