"""`Result`: what became of one call on a pool of workers."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from giornata.cluster.actors import Answer, OutcomeKind
from giornata.cluster.errors import CallTimedOut, PoolError, WorkerLost, last_line
from giornata.cluster.worker import Call, PooledWorker


@dataclass(frozen=True)
class Result:
    """What became of the call named `key` on `worker`, which is gone unless `kind` is `ok` or `failed`.

    `error` is the method's own exception (`failed`), `WorkerLost` or `CallTimedOut`. `suspect` marks the one
    call that was running when the worker ended; the others only waited behind it. `seconds` counts from the
    call's turn.
    """

    key: Hashable
    worker: str
    kind: OutcomeKind
    value: Any = None
    error: Exception | None = None
    traceback: str = ""
    suspect: bool = False
    seconds: float = 0.0


def cause(answer: Answer) -> str:
    """Why a worker was lost, on one line."""
    return f"{type(answer.error).__name__}: {last_line(str(answer.error))}"


def answered(call: Call, worker: PooledWorker, answer: Answer, seconds: float) -> Result:
    """What came of a call that was answered."""
    return Result(
        call.key, worker.id, answer.kind, answer.value, answer.error, answer.traceback, seconds=seconds
    )


def lost(call: Call, worker: PooledWorker, reason: PoolError, *, suspect: bool) -> Result:
    """What came of a call whose worker was ended for `reason`."""
    timed_out = isinstance(reason, CallTimedOut)
    kind = OutcomeKind.TIMEOUT if timed_out and suspect else OutcomeKind.WORKER_LOST
    told = reason if suspect or not timed_out else WorkerLost(worker.id, f"ended with another call: {reason}")
    return Result(call.key, worker.id, kind, error=told, suspect=suspect)
