"""What every view is, and what the service says of itself; the views of each noun lie beside this."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Root of all views: frozen, refuses unknown keys, and may be read from a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Role(StrEnum):
    """What a service is doing: it manages the store, or waits to take over from the one that does."""

    ACTIVE = "active"
    STANDBY = "standby"


class Health(View):
    """Whether this service manages the store or waits to."""

    role: Role
    version: str


class Problem(View):
    """Why something was not done: a word for programs, a line for people."""

    code: str
    message: str
