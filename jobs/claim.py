"""What a runner is handed and what publishing gives back."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from giornata.jobs.naming import attempt_place
from giornata.jobs.task import RenderTask


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
    def key(self) -> tuple[str, int]:
        """Item and attempt, which a report repeats."""
        return self.task.item_id, self.attempt

    @property
    def temporary(self) -> str:
        """The absolute path this attempt writes to, or the object it sends."""
        return attempt_place(self.task.target, self.task.item_id, self.attempt, job_id=self.job_id)


@dataclass(frozen=True)
class Published:
    """A file at its final name."""

    sha256: str
    bytes: int
