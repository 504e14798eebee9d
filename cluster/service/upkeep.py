"""`Upkeep`: what a desk needs for reading again, auditing, cleaning and reporting, and the real thing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giornata.jobs.ports import Publisher
from giornata.jobs.store import JobStore


class Verified(Protocol):
    """What reading every delivered file again found."""

    @property
    def checked(self) -> int: ...
    @property
    def intact(self) -> int: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def damaged(self) -> Sequence[str]: ...
    @property
    def strays(self) -> Sequence[str]: ...


class Leftover(Protocol):
    """A file that a dead process left behind."""

    @property
    def path(self) -> Path: ...
    @property
    def bytes(self) -> int: ...
    @property
    def why(self) -> str: ...


class Verify(Protocol):
    """Reads every delivered file of a job again."""

    def __call__(
        self, store: JobStore, publisher: Publisher, job_id: str, *, repair: bool = False
    ) -> Verified: ...


@dataclass(frozen=True)
class Upkeep:
    """The keepers of a store's files, one callable each."""

    verify: Verify
    report: Callable[[JobStore, str], str]
    audit: Callable[[JobStore, str], list[str]]
    leftovers: Callable[[JobStore], list[Leftover]]
    remove: Callable[[Sequence[Leftover]], int]
