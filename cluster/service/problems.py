"""Which error is which HTTP status and which word: the one table between our errors and our answers."""

import json
from typing import Any

from starlette.responses import Response

from giornata.cluster.errors import ClusterError, InvalidParameter, UnknownWorker
from giornata.cluster.service.schemas.base import Problem
from giornata.jobs.errors import (
    BadSpec,
    IllegalTransition,
    JobError,
    PlanRefused,
    StoreUnavailable,
    UnknownItem,
    UnknownJob,
)

_ANSWERS: tuple[tuple[type[Exception], int, str], ...] = (
    (UnknownJob, 404, "unknown_job"),
    (UnknownItem, 404, "unknown_item"),
    (UnknownWorker, 404, "unknown_worker"),
    (IllegalTransition, 409, "wrong_state"),
    (BadSpec, 422, "bad_spec"),
    (PlanRefused, 422, "rejected"),
    (StoreUnavailable, 503, "store_unavailable"),
    (JobError, 422, "refused"),
    (InvalidParameter, 422, "bad_question"),
    (ClusterError, 503, "cluster_unavailable"),
    (OSError, 422, "unusable_path"),  # the store's own are StoreUnavailable; these are about what was asked
)
EXPECTED = tuple(family for family, _, _ in _ANSWERS)
WORDS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"} | {
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    421: "wrong_host",
    503: "unavailable",
}


def answer(error: Exception) -> Response:
    """The response for an error that people may cause."""
    status, code = next((status, code) for family, status, code in _ANSWERS if isinstance(error, family))
    return problem(status, code, str(error))


def problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """A JSON problem."""
    return JsonText(Problem(code=code, message=message).model_dump(), status, headers)


class JsonText(Response):
    """JSON in plain ASCII: what was asked may hold half a code point, which no encoding of it survives."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(json.dumps(content).encode("ascii"), status_code, headers)
