import json
from collections.abc import Callable

import pytest

from giornata.cluster.cli.exits import Exit
from tests.support.services import Place, serving

Run = Callable[..., tuple[int, str]]


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


def test_workers_are_listed_held_and_let_go(place: Place, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put_worker()
    with serving(place.job_service) as url:
        monkeypatch.setenv("GIORNATA_URL", url)
        assert "drain by local: too hot" in run("workers", "drain", "render-0.0", "--reason", "too hot")[1]
        assert json.loads(run("workers", "unblock", "render-0", "--json")[1])["workers"][0]["blocks"] == []
        assert run("workers", "block", "render-7")[0] == Exit.NOT_FOUND
        assert len(run("workers", "ls")[1].splitlines()) == 2
