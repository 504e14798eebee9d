"""Names of outputs: the template people write, what values may become, and the names attempts write to."""

import hashlib
import os
import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path, PurePath

from giornata.jobs.errors import BadName
from giornata.jobs.spec.enums import listed

DEFAULT_TEMPLATE = "{folder}/{stem}_{style}{suffix}{ext}"
COLUMN = "column."  # `{column.client}` is the column `client` of the manifest row
MAX_COMPONENT_BYTES = 255  # what ext4, APFS, NTFS and S3 tools all take
MAX_KEY_BYTES = 950  # S3 takes 1024, of which the name of an attempt beside the target needs some
REMOTE = "s3://"


_RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
_RESERVED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff\u202a-\u202e\u2066-\u2069]')
_RESERVED_LITERAL = re.compile(r'[\x00-\x1f\x7f<>:"\\|?*\ud800-\udfff\u202a-\u202e\u2066-\u2069]')
_WIDTH = re.compile(r"0?[1-9]?")  # a wider field would let a template ask for gigabytes of zeros


class NameField(StrEnum):
    """What a template may name, besides `{column.X}`."""

    STEM = "stem"
    NAME = "name"
    FOLDER = "folder"
    STYLE = "style"
    STRENGTH = "strength"
    RATIO = "ratio"
    FORMAT = "format"
    EXT = "ext"
    SUFFIX = "suffix"
    WIDTH = "width"
    HEIGHT = "height"
    INDEX = "index"
    JOB = "job"


_NUMBERS = frozenset({NameField.WIDTH, NameField.HEIGHT, NameField.INDEX})


@dataclass(frozen=True)
class NameTemplate:
    """A checked template: (literal text, field, width) in order; `field` is empty after the last one."""

    parts: tuple[tuple[str, str, str], ...]

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names between braces."""
        return frozenset(field for _, field, _ in self.parts if field)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The manifest columns it needs."""
        return frozenset(field.removeprefix(COLUMN) for field in self.fields if field.startswith(COLUMN))

    def path(self, values: Mapping[str, str | int]) -> str:
        """The path that a template of any path stands for: only filled-in values are made safe."""
        return "".join(literal + _filled(field, width, values) for literal, field, width in self.parts)

    def fill(self, values: Mapping[str, str | int]) -> str:
        """The relative target name, `/` between components, every one of them safe.

        Raises `KeyError` for a field that `values` lacks. Only `folder` may bring separators.
        """
        text = "".join(literal + _filled(field, width, values) for literal, field, width in self.parts)
        return "/".join(safe_component(part) for part in text.split("/") if part)


def parse_template(text: str, *, file: bool = True) -> NameTemplate:
    """Check a template, of an output's name or (not `file`) of any path.

    Raises `ValueError` with a message that names the allowed fields.
    """
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"got {text!r}: {error}") from error
    for literal, field, spec, conversion in parsed:
        if file:
            _check_literal(literal, text)
        if field is not None:
            _check_field(field, spec or "", conversion)
    if file and not text.endswith("{ext}"):
        raise ValueError(f"got {text!r}, needed a name that ends in {{ext}}")
    return NameTemplate(tuple((literal, field or "", spec or "") for literal, field, spec, _ in parsed))


def _check_literal(literal: str, text: str) -> None:
    bad = _RESERVED_LITERAL.search(literal)
    if bad:
        raise ValueError(f"got the character {bad.group()!r} in {text!r}, needed one every file system takes")
    if text.startswith("/") or any(part in (".", "..") for part in text.split("/")):
        raise ValueError(f"got {text!r}, needed a path that stays in the destination")


def _check_field(field: str, width: str, conversion: str | None) -> None:
    fields = (*NameField, f"{COLUMN}<name>")
    if field not in list(NameField) and not (field.startswith(COLUMN) and len(field) > len(COLUMN)):
        raise ValueError(f"unknown field {{{field}}}, known fields: {listed(fields)}")
    if conversion or not _WIDTH.fullmatch(width) or (width and field not in _NUMBERS):
        raise ValueError(
            f"got a format for {{{field}}}, needed none; {listed(sorted(_NUMBERS))} take :01…:09"
        )


def _filled(field: str, width: str, values: Mapping[str, str | int]) -> str:
    if not field:
        return ""
    value = values[field]
    if isinstance(value, int):
        return format(value, width)
    if field == NameField.FOLDER:
        return "/".join(safe_component(part) for part in value.split("/") if part)
    return _safe_text(value)


def _safe_text(text: str) -> str:
    return _RESERVED.sub("_", unicodedata.normalize("NFC", text))


@lru_cache(maxsize=4096)  # folders and styles come again and again
def safe_component(text: str) -> str:
    """`text` as one file name: NFC, no separators, nothing reserved on any system, at most 255 bytes.

    A name that had to be shortened carries a hash of the whole, so that two long names stay two.
    """
    safe = _safe_text(text).rstrip(". ")
    if not safe or safe.startswith("."):
        # Hidden names are for attempts; `.` and `..` end here too.
        safe = "_" + safe.lstrip(".")
    if safe.split(".")[0].rstrip(" ").casefold() in _RESERVED_NAMES:
        safe = "_" + safe
    return safe if len(safe.encode()) <= MAX_COMPONENT_BYTES else _shortened(safe)


def _shortened(name: str) -> str:
    suffix = PurePath(name).suffix
    suffix = suffix if len(suffix.encode()) <= 16 else ""
    tail = f"~{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}{suffix}"
    room = MAX_COMPONENT_BYTES - len(tail.encode())
    return name.removesuffix(suffix).encode()[:room].decode(errors="ignore") + tail


class Destination:
    """The folder, or the prefix in a bucket, that outputs go to.

    It looks at each of its folders once as long as names stay there.
    """

    def __init__(self, folder: Path | str) -> None:
        self._folder = str(folder)
        self._is_remote = self._folder.startswith(REMOTE)
        self._root = self._folder if self._is_remote else os.path.realpath(folder)
        self._checked = self._root

    def resolve(self, relative: str) -> str:
        """The absolute target of a relative name, `/` between its parts.

        Raises `BadName` when it leaves the destination, by its words or through a symlinked folder inside.
        """
        parts = [part for part in relative.split("/") if part not in ("", ".")]
        if relative.startswith("/") or ".." in parts or not parts:
            raise BadName(relative, f"needed a path inside {self._folder}")
        parent = os.path.join(self._root, *parts[:-1])  # noqa: PTH118 - once per output: pathlib is 5x slower
        target = f"{parent}{os.sep}{parts[-1]}"
        if self._is_remote:
            return self._keyed(target)
        if parent != self._checked:
            self._check(parent, relative)
        return target

    def relative(self, target: str) -> str:
        """The name of a target that was resolved here, from this folder, `/` between its parts."""
        return target.removeprefix(self._root).replace(os.sep, "/").lstrip("/")

    def _keyed(self, target: str) -> str:
        length = len(target.encode()) - len(REMOTE)
        if length > MAX_KEY_BYTES:
            raise BadName(target, f"got {length} bytes of bucket and key, needed at most {MAX_KEY_BYTES}")
        return target

    def _check(self, parent: str, relative: str) -> None:
        real = os.path.realpath(parent)
        if os.path.commonpath([self._root, real]) != self._root:
            raise BadName(relative, f"its folder leads out of {self._folder} to {real}")
        self._checked = parent


def resolve_target(destination: Path, relative: str) -> Path:
    """The absolute target of one relative name. Raises `BadName` as `Destination` does."""
    return Path(Destination(destination).resolve(relative))
