"""One attempt at an item: `Claim`, which a worker is handed, and `Outcome`, which it reports."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from giornata.jobs.model.paths import attempt_place
from giornata.jobs.model.task import RenderTask


class ClaimKey(NamedTuple):
    """The identity of one attempt among all of a manager: jobs with the same outputs share their items."""

    job_id: str
    item_id: str
    attempt: int


class Claim(BaseModel):
    """One attempt at one task. Only the report of the newest (epoch, attempt) is taken.

    `avoid_worker` is the worker the last attempt failed on, empty when there was none. `replace` allows the
    target to be an earlier output of ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_id: str
    task: RenderTask
    attempt: int
    epoch: int
    avoid_worker: str = ""
    replace: bool = False

    @property
    def key(self) -> ClaimKey:
        """Job, item and attempt, which a report repeats."""
        return ClaimKey(self.job_id, self.task.item_id, self.attempt)

    @property
    def temporary(self) -> str:
        """The absolute path this attempt writes to, or the object it sends."""
        return attempt_place(self.task.target, self.task.item_id, self.attempt, job_id=self.job_id)


@dataclass(frozen=True)
class Published:
    """A file at its final name."""

    sha256: str
    bytes: int


MAX_REASON = 500  # a report stays far below 10 KB, warnings included
MAX_LOG = 6000
MAX_FACTS = 24


class OutcomeClass(StrEnum):
    """Why an attempt ended; the class, not an exit code, decides what happens next."""

    DONE = "done"
    TRANSIENT_IO = "transient_io"
    WORKER_LOST = "worker_lost"
    OOM_DEVICE = "oom_device"
    BAD_INPUT = "bad_input"
    QUALITY = "quality"
    TARGET_TAKEN = "target_taken"
    THROTTLED = "throttled"
    CREDENTIALS = "credentials"
    TIMEOUT = "timeout"
    BUG = "bug"
    CANCELLED = "cancelled"
    WAITING = "waiting"


# Neither a delivery nor a failure: the item goes back as if it had not been claimed.
NOTHING_HAPPENED = (OutcomeClass.CANCELLED, OutcomeClass.WAITING)


def tail(text: str) -> str:
    """The end of `text`, where a traceback says what happened, short enough for a report."""
    return text[-MAX_LOG:]


def one_line(text: str) -> str:
    """`text` on one line and short enough for a report."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


class Outcome(BaseModel):
    """The report of one attempt. `sha256`, `bytes`, `width` and `height` describe the file it wrote.

    `facts` are what was chosen and measured: the profile, the strength, the quality and so on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_id: str
    item_id: str
    attempt: int
    outcome_class: OutcomeClass
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)] = ""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    tile_px: int | None = None  # what the device chose, so that a retry knows what to halve
    warnings: tuple[str, ...] = ()
    facts: Annotated[dict[str, str | int | float], Field(max_length=MAX_FACTS)] = {}
    worker: str = ""
    log: Annotated[str, StringConstraints(max_length=MAX_LOG)] = ""  # the end of what it said, for people

    @property
    def key(self) -> ClaimKey:
        """The key of the claim that this is the report of."""
        return ClaimKey(self.job_id, self.item_id, self.attempt)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.outcome_class is OutcomeClass.DONE and (self.sha256 is None or self.bytes is None):
            raise ValueError("a done outcome needed sha256 and bytes of the file it wrote")
        if self.outcome_class is not OutcomeClass.DONE and not self.reason:
            raise ValueError(f"a {self.outcome_class} outcome needed a reason a person can act on")
        return self
