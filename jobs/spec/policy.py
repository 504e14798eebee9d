"""The part of a spec that says what happens when things go wrong, and who is told."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from giornata.jobs.spec.base import SpecModel
from giornata.jobs.spec.enums import NotifyKind, OnExisting, StartWhen

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
BRAKE_NEEDED = 'a whole number from 0 or a share such as "10%"'


def _brake(value: int | str) -> int | str:
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    good = (match and float(match[1]) <= 100) if isinstance(value, str) else value >= 0
    if not good:
        raise ValueError(f"got {value!r}, needed {BRAKE_NEEDED}")
    return value


Brake = Annotated[int | str, AfterValidator(_brake)]


class Policy(SpecModel):
    """What a failure costs, and what happens to outputs that are already there."""

    max_failed: Brake | None = Field(None, description=BRAKE_NEEDED)
    retries: int = Field(2, ge=0, le=100, description="a whole number from 0 to 100")
    timeout_s: float = Field(3600, gt=0, allow_inf_nan=False, description="a number of seconds above 0")
    on_existing: OnExisting = OnExisting.SKIP
    # Pause when more than half of the first so many items failed alike; 0 never does.
    canary: int = Field(20, ge=0, le=1000, description="a whole number from 0 to 1000")
    start: StartWhen = StartWhen.CHECKED

    def allowed_failures(self, total: int) -> int | None:
        """How many of `total` items may fail before the job stops; None means all of them."""
        if isinstance(self.max_failed, str):
            return int(float(self.max_failed.rstrip("% ")) / 100 * total)
        return self.max_failed


class Notify(SpecModel):
    """Where to post word of a job, signed; private addresses are refused unless the service allows them."""

    url: str = Field(
        min_length=8, max_length=2000, pattern=r"^https?://[^\s@]+$", description="an http(s) address"
    )
    on: frozenset[NotifyKind] = frozenset(NotifyKind)
