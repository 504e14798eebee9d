"""Reading an input manifest row by row: CSV or JSON lines, `path` needed, other columns free."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.errors import BadManifest, JobError
from giornata.jobs.spec.naming import COLUMN

PATH = "path"


@dataclass(frozen=True)
class ManifestRow:
    """One picture of a manifest: its path as written there, the other columns as text, and its line."""

    path: str
    columns: dict[str, str]
    line: int


def read_manifest(path: Path) -> Iterator[ManifestRow]:
    """The rows in order, one in memory at a time. Raises `BadManifest` at the row that cannot be used."""
    read = _jsonl if path.suffix.lower() == ".jsonl" else _csv
    line = 0
    try:
        for row in read(path):
            line = row.line
            yield row
    except JobError:
        raise
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise BadManifest(path, line + 1, "", str(error)) from error


def _csv(path: Path) -> Iterator[ManifestRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                reason = f"got {len(cells)} cells, needed {len(header)} as in the header"
                raise BadManifest(path, reader.line_num, "", reason)
            yield _row(path, reader.line_num, dict(zip(header, cells, strict=True)))


def _check_header(path: Path, header: list[str]) -> None:
    if PATH not in header:
        raise BadManifest(
            path, 1, PATH, f"needed a column of that name, got {', '.join(header) or 'no header'}"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadManifest(path, 1, twice[0], "the column stands there twice")


def _jsonl(path: Path) -> Iterator[ManifestRow]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                yield _row(path, line, _object(path, line, text))


def _object(path: Path, line: int, text: str) -> dict[str, str]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise BadManifest(path, line, "", f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadManifest(path, line, "", f"got {type(row).__name__}, needed an object with {PATH!r}")
    for key, value in row.items():
        if isinstance(value, dict | list):
            raise BadManifest(path, line, key, "got a nested value, needed text or a number")
    return {key: "" if value is None else str(value) for key, value in row.items()}


def _row(path: Path, line: int, cells: dict[str, str]) -> ManifestRow:
    source = cells.pop(PATH, "").strip()
    if not source or "\0" in source:
        raise BadManifest(path, line, PATH, f"got {source!r}, needed the path of a picture")
    return ManifestRow(source, {COLUMN + name: text for name, text in cells.items()}, line)
