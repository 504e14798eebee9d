"""`PooledWorker`: one actor of a pool, its calls in order, their results, and the outcomes they mean."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from giornata.cluster.errors import CallTimedOut, PoolError, WorkerLost, last_line
from giornata.cluster.ray_runtime import actors
from giornata.cluster.ray_runtime.actors import Answer, OutcomeKind, Whereabouts
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.workers.rendering import outcomes as report

PROBE_TIMEOUT_S = 30.0  # an idle actor answers in a millisecond; this allows for a machine that swaps


class WorkerState(StrEnum):
    """The state of a worker."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"


@dataclass(frozen=True)
class Call:
    """One method call to be made on some worker; `key` is the caller's own name for it and comes back."""

    key: Hashable
    method: str
    args: tuple[Any, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True)
class WorkerStatus:
    """A worker as seen from outside; `pid` and `node_id` are None until it has started."""

    id: str
    state: WorkerState
    in_flight: int
    finished: int
    pid: int | None
    node_id: str | None
    running: Hashable = None
    quiet_s: float = 0.0


@dataclass(frozen=True)
class Sent:
    """A place in the line; `call` is None for a probe of our own."""

    reference: Any
    call: Call | None


@dataclass
class PooledWorker:
    """An actor that runs one call at a time; only the head of its line can be running.

    `head_since_s` is when the head began, on the pool's clock: deadlines count from there, so that a call
    does not pay for the one before it.
    """

    id: str
    slot: int
    handle: Any
    clock: Callable[[], float]
    line: deque[Sent] = field(default_factory=deque)
    whereabouts: Whereabouts | None = None
    head_since_s: float = 0.0
    finished: int = 0
    control: Any = None
    beat_s: float = 0.0

    def __post_init__(self) -> None:
        self.probe()

    @property
    def started(self) -> bool:
        """Whether the first probe came back."""
        return self.whereabouts is not None

    @property
    def calls(self) -> list[Call]:
        """The calls in flight, the running one first."""
        return [sent.call for sent in self.line if sent.call is not None]

    @property
    def running(self) -> Call | None:
        """The call that the actor is at, if it is at one."""
        return self.line[0].call if self.line else None

    def send(self, call: Call) -> None:
        """Put `call` at the end of the line."""
        self._append(actors.call(self.handle, call.method, call.args), call)

    def probe(self) -> None:
        """Ask for a sign of life; until the first one is back the worker is starting."""
        self._append(actors.probe(self.handle), None)

    def quiet_for_s(self) -> float:
        """How long nothing was heard of it although nothing was asked; 0 while something is in line."""
        return 0.0 if self.line else self.clock() - self.head_since_s

    def pop(self) -> tuple[Sent, float]:
        """Take the settled head off the line; returns it and how long it ran, in seconds."""
        now = self.clock()
        seconds, self.head_since_s = now - self.head_since_s, now
        return self.line.popleft(), seconds

    def seconds_left(self, *, start_timeout_s: float, call_timeout_s: float) -> float:
        """Until the head is overdue; negative when it is."""
        if not self.line:
            return float("inf")
        if not self.started:
            limit_s = start_timeout_s
        elif self.running is None:
            limit_s = PROBE_TIMEOUT_S
        else:
            limit_s = self.running.timeout_s or call_timeout_s
        return self.head_since_s + limit_s - self.clock()

    def status(self) -> WorkerStatus:
        """A snapshot."""
        running = self.running
        busy = WorkerState.BUSY if self.calls else WorkerState.IDLE
        place = self.whereabouts
        return WorkerStatus(
            id=self.id,
            state=busy if self.started else WorkerState.STARTING,
            in_flight=len(self.calls),
            finished=self.finished,
            pid=place.pid if place else None,
            node_id=place.node_id if place else None,
            running=running.key if running else None,
            quiet_s=self.clock() - max(self.beat_s, self.head_since_s),
        )

    def ask(self, method: str, args: tuple[Any, ...]) -> None:
        """Send a control call, unless the last one is still unanswered."""
        if self.started and self.control is None:
            self.control = actors.control(self.handle, method, args)

    def answered(self) -> Any:
        """The answer to the last control call, once; None when there is none, or none yet."""
        if self.control is None or not actors.wait([self.control], timeout_s=0):
            return None
        answer, self.control = actors.fetch(self.control), None
        return answer.value

    def _append(self, reference: Any, call: Call | None) -> None:
        if not self.line:
            self.head_since_s = self.clock()
        self.line.append(Sent(reference, call))


@dataclass(frozen=True)
class Result:
    """The result of the call named `key` on `worker`, which is gone unless `kind` is `ok` or `failed`.

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
    """The result of a call that was answered."""
    return Result(
        call.key, worker.id, answer.kind, answer.value, answer.error, answer.traceback, seconds=seconds
    )


def lost(call: Call, worker: PooledWorker, reason: PoolError, *, suspect: bool) -> Result:
    """The result of a call whose worker was ended for `reason`."""
    timed_out = isinstance(reason, CallTimedOut)
    kind = OutcomeKind.TIMEOUT if timed_out and suspect else OutcomeKind.WORKER_LOST
    error = (
        reason if suspect or not timed_out else WorkerLost(worker.id, f"ended with another call: {reason}")
    )
    return Result(call.key, worker.id, kind, error=error, suspect=suspect)


def ended(claim: Claim, result: Result) -> Outcome:
    """The report of a claim whose call failed, was too long, or went down with its worker."""
    worker, seconds = result.worker, result.seconds
    error = result.error or RuntimeError("no answer")
    if result.kind is OutcomeKind.TIMEOUT:
        return report.ended(claim, OutcomeClass.TIMEOUT, str(error), seconds=seconds, worker=worker)
    if result.kind is OutcomeKind.WORKER_LOST:
        # A claim that only waited behind the suspect goes back to its queue as if it had never been claimed.
        kind = OutcomeClass.WORKER_LOST if result.suspect else OutcomeClass.CANCELLED
        return report.ended(claim, kind, str(error), seconds=seconds, worker=worker)
    failed = report.failed(claim, error, seconds=seconds, worker=worker)
    return failed.model_copy(update={"log": result.traceback[-len(failed.log) :] or failed.log})
