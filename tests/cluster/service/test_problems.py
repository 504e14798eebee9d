import json

import pytest

from giornata.cluster import errors as ours
from giornata.cluster.service.problems import EXPECTED, JsonText, answer, problem
from giornata.jobs import errors as jobs


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (jobs.UnknownJob("a"), 404, "unknown_job"),
        (jobs.UnknownItem("a", "b"), 404, "unknown_item"),
        (ours.UnknownWorker("render-9", ["render-0"]), 404, "unknown_worker"),
        (jobs.IllegalTransition("job", "running", "drain", ("pause",)), 409, "wrong_state"),
        (jobs.BadSpec("spec", "unknown key"), 422, "bad_spec"),
        (jobs.PlanRefused(("no such input",), 1), 422, "rejected"),
        (jobs.TargetTaken("/out/a.png", "a stranger's"), 422, "refused"),
        (ours.InvalidParameter("limit", 0, "a number from 1"), 422, "bad_question"),
        (PermissionError(13, "Permission denied"), 422, "unusable_path"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_has_its_status_its_word_and_its_message(error: Exception, status: int, code: str) -> None:
    assert isinstance(error, EXPECTED)
    response = answer(error)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.body) == {"code": code, "message": str(error)}


def test_what_no_person_causes_has_no_answer() -> None:
    assert not isinstance(KeyError("a"), EXPECTED)
    with pytest.raises(StopIteration):
        answer(KeyError("a"))


def test_half_a_code_point_travels_as_ascii() -> None:
    body = bytes(problem(404, "unknown_job", "no job '\ud800ä'").body)
    assert body.isascii()
    assert json.loads(body)["message"] == "no job '\ud800ä'"
    kept = JsonText({"a": 1}, 201, {"x-more": "1"})
    assert (kept.status_code, kept.headers["x-more"], kept.body) == (201, "1", b'{"a": 1}')
