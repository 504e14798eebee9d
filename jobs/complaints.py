"""Turning pydantic's findings into lines a person can act on: file, line, field, got, needed."""

import difflib
import reprlib
from collections.abc import Hashable, Iterable, Mapping
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from giornata.jobs.choices import listed
from giornata.jobs.errors import BadSpec
from giornata.jobs.marks import Location, MarkedData

SHOWN = 5  # more lines than this scroll the first one away


def bad_spec(found: ValidationError, model: type[BaseModel], *, origin: str, marked: MarkedData) -> BadSpec:
    """One `BadSpec` for all findings, the first ones in the order of their lines."""
    places: dict[Location, str] = {}
    for error in found.errors(include_url=False):
        field, location = _resolve(model, error["loc"])
        # A union reports once per member; the first finding at a place speaks for all.
        places.setdefault(location, _words(error, field, model))
    # A list with a wrong entry is reported as too short as well: only the innermost place counts.
    inner = {place: words for place, words in places.items() if not _holds_another(place, places)}
    ordered = sorted(inner.items(), key=lambda place: marked.line(place[0]))
    lines = [(_where(location, origin, marked), reason) for location, reason in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        lines.append((origin, f"{len(ordered) - SHOWN} more like these"))
    return BadSpec(*lines[0], *lines[1:])


def _holds_another(place: Location, places: Iterable[Location]) -> bool:
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _where(location: Location, origin: str, marked: MarkedData) -> str:
    line = f" line {marked.line(location)}" if marked.lines else ""
    return f"{origin}{line}{', ' if location else ''}{dotted(location)}"


def dotted(location: tuple[Hashable, ...]) -> str:
    """`("styles", 1, "mix")` as `styles[1].mix`."""
    words = ""
    for part in location:
        words += f"[{part}]" if isinstance(part, int) else f"{'.' if words else ''}{part}"
    return words


def _resolve(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[FieldInfo | None, Location]:
    """The innermost field a finding is about, and its place, less the names of union members."""
    kept: list[Hashable] = []
    field: FieldInfo | None = None
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            kept.append(part)
        elif current is not None and part in current.model_fields:
            kept.append(part)
            field = current.model_fields[part]
            current = _model_in(field.annotation)
        elif current is not None:
            return None, (*kept, part)
        else:
            break
    return field, tuple(kept)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _choices(annotation: Any) -> type[StrEnum] | None:
    if get_origin(annotation) in (Union, UnionType):
        return next(filter(None, map(_choices, get_args(annotation))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, StrEnum) else None


def _words(error: ErrorDetails, field: FieldInfo | None, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown_key(str(error["loc"][-1]), _owner(model, error["loc"][:-1]))
    if error["type"] == "value_error":
        return str(error.get("ctx", {}).get("error", error["msg"]))
    needed = _needed(error, field)
    got = "nothing" if error["type"] == "missing" else reprlib.repr(error["input"])
    return f"got {got}, needed {needed}"


def _needed(error: ErrorDetails, field: FieldInfo | None) -> str:
    if field is None:
        return error["msg"][:1].lower() + error["msg"][1:]
    choices = _choices(field.annotation)
    return f"one of: {listed(choices)}" if choices else field.description or error["msg"]


def _owner(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model


def _unknown_key(key: str, owner: type[BaseModel]) -> str:
    known: Mapping[str, FieldInfo] = owner.model_fields
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown key; {hint}known keys: {listed(known)}"
