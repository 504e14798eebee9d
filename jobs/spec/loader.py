"""Loads a spec from YAML or JSON, and tells errors with file, line, field, what came and what was needed."""

import difflib
import reprlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from giornata.jobs.errors import BadSpec
from giornata.jobs.spec.enums import listed
from giornata.jobs.spec.job import JobSpec

Location = tuple[Hashable, ...]
MAX_CHARACTERS = 4_000_000  # a spec is written by hand; long lists of pictures belong in a manifest
_NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 but for one thing: `16:9` is text, as in YAML 1.2, and not a number to the base of sixty."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a node, as PyYAML asks for it."""
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        sixties = isinstance(value, str) and ":" in value and tag in _NUMBER_TAGS
        return yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG if sixties else tag


@dataclass(frozen=True)
class LocatedYaml:
    """Plain data and, for each path of keys and indices into it, the line (from 1) where its value starts."""

    data: Any
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """The line of `location`, or of the nearest parent that was written down."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read_marked(text: str, *, origin: str) -> LocatedYaml:
    """Parse one YAML document, of which JSON is a part. Raises `BadSpec` when it is not one."""
    if len(text) > MAX_CHARACTERS:
        raise BadSpec(origin, f"got {len(text)} characters, needed at most {MAX_CHARACTERS}; use a manifest")
    # JSON may indent with tabs, YAML may not. In JSON a tab is never part of a value.
    loader = _Loader(text.replace("\t", " ") if text.lstrip().startswith("{") else text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, origin)) if node else {}
        return LocatedYaml(loader.construct_document(node) if node else None, lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadSpec(f"{origin} line {line}", f"not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # ValueError: a date such as 2026-13-40 is taken for one and is none.
        reason = str(error).splitlines()[0]
        raise BadSpec(origin, f"not YAML: {reason}") from error
    finally:
        loader.dispose()


def _lines(root: yaml.Node, origin: str) -> Iterator[tuple[Location, int]]:
    """The line of each node, once, so that aliases cannot blow the walk up."""
    seen: set[int] = set()
    waiting: list[tuple[Location, yaml.Node, int]] = [((), root, root.start_mark.line + 1)]
    while waiting:
        location, node, line = waiting.pop()
        yield location, line
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting.extend(((*location, key), child, at) for key, child, at in _children(node, origin))


def _children(node: yaml.Node, origin: str) -> Iterator[tuple[Hashable, yaml.Node, int]]:
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield index, child, child.start_mark.line + 1
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, child in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise BadSpec(f"{origin} line {line}", f"the key {key.value!r} stands there twice")
                keys.add(key.value)
                yield key.value, child, line


SHOWN = 5  # more lines than this scroll the first one away


def bad_spec(
    failure: ValidationError, model: type[BaseModel], *, origin: str, marked: LocatedYaml
) -> BadSpec:
    """One `BadSpec` for all findings, the first ones in the order of their lines."""
    places: dict[Location, str] = {}
    for error in failure.errors(include_url=False):
        field, location = _resolve(model, error["loc"])
        # A union reports once per member; the first finding at a place speaks for all.
        places.setdefault(location, _words(error, field, model))
    # A list with a wrong entry is reported as too short as well: only the innermost place counts.
    inner = {place: reason for place, reason in places.items() if not _holds_another(place, places)}
    ordered = sorted(inner.items(), key=lambda place: marked.line(place[0]))
    lines = [(_where(location, origin, marked), reason) for location, reason in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        lines.append((origin, f"{len(ordered) - SHOWN} more like these"))
    return BadSpec(*lines[0], *lines[1:])


def _holds_another(place: Location, places: Iterable[Location]) -> bool:
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _where(location: Location, origin: str, marked: LocatedYaml) -> str:
    line = f" line {marked.line(location)}" if marked.lines else ""
    return f"{origin}{line}{', ' if location else ''}{dotted(location)}"


def dotted(location: tuple[Hashable, ...]) -> str:
    """`("styles", 1, "mix")` as `styles[1].mix`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def _resolve(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[FieldInfo | None, Location]:
    """The innermost field a finding is about, and its place, less the names of union members."""
    place: list[Hashable] = []
    field: FieldInfo | None = None
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            place.append(part)
        elif current is not None and part in current.model_fields:
            place.append(part)
            field = current.model_fields[part]
            current = _model_in(field.annotation)
        elif current is not None:
            return None, (*place, part)
        else:
            break
    return field, tuple(place)


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
    value = "nothing" if error["type"] == "missing" else reprlib.repr(error["input"])
    return f"got {value}, needed {needed}"


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
    fields: Mapping[str, FieldInfo] = owner.model_fields
    close = difflib.get_close_matches(key, fields, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown key; {hint}known keys: {listed(fields)}"


def load_spec(path: str | Path) -> JobSpec:
    """Read a spec from YAML or JSON. Raises `BadSpec` with file, line and field."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadSpec(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise BadSpec(str(path), f"got a wrong byte at {error.start}, needed UTF-8 text") from error
    return _parse(read_marked(text, origin=str(path)), origin=str(path))


def parse_spec(mapping: Mapping[str, Any], *, origin: str) -> JobSpec:
    """Make a spec from plain data; `origin` is its name in messages. Raises `BadSpec`."""
    return _parse(LocatedYaml(mapping, {}), origin=origin)


def _parse(marked: LocatedYaml, *, origin: str) -> JobSpec:
    if not isinstance(marked.data, Mapping):
        raise BadSpec(
            origin, f"got {type(marked.data).__name__}, needed keys: {listed(JobSpec.model_fields)}"
        )
    try:
        return JobSpec.model_validate(dict(marked.data))
    except ValidationError as error:
        raise bad_spec(error, JobSpec, origin=origin, marked=marked) from error
