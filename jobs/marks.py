"""Reading YAML or JSON together with the line on which each field stands, which plain loading throws away."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from giornata.jobs.errors import BadSpec

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
class MarkedData:
    """Plain data and, for each path of keys and indices into it, the line (from 1) where its value starts."""

    data: Any
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """The line of `location`, or of the nearest parent that was written down."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read_marked(text: str, *, origin: str) -> MarkedData:
    """Parse one YAML document, of which JSON is a part. Raises `BadSpec` when it is not one."""
    if len(text) > MAX_CHARACTERS:
        raise BadSpec(origin, f"got {len(text)} characters, needed at most {MAX_CHARACTERS}; use a manifest")
    # JSON may indent with tabs, YAML may not. In JSON a tab is never part of a value.
    loader = _Loader(text.replace("\t", " ") if text.lstrip().startswith("{") else text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, origin)) if node else {}
        return MarkedData(loader.construct_document(node) if node else None, lines)
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
    """Each node once, so that aliases cannot blow the walk up."""
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
        known: set[str] = set()
        for key, child in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in known:
                    raise BadSpec(f"{origin} line {line}", f"the key {key.value!r} stands there twice")
                known.add(key.value)
                yield key.value, child, line
