"""What the parts of a spec have in common: they are frozen, refuse unknown keys, and take bare words."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# A field's description says what is needed; the complaint about a wrong value quotes it.
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="a number from 0 to 1")]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number above 0")]


class SpecModel(BaseModel):
    """A group of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def one_or_many(value: Any) -> Any:
    """A single entry stands for a list of one."""
    return [value] if isinstance(value, str | Mapping) else value


def named(key: str) -> BeforeValidator:
    """A bare word stands for a group with this key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)
