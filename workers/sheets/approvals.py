"""`approvals.csv`, beside the contact sheets: a line for each output, for people who say yes or no to it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.paths import base_name
from giornata.jobs.storage.base import ObjectStore
from giornata.jobs.store.records import ItemRecord

APPROVALS = "approvals.csv"
COLUMNS = ("asset", "style", "format", "file", "status", "comment", "sha256")
PEOPLES = ("status", "comment")
FORMULAS = ("=", "+", "-", "@")  # what spreadsheets run


class Approvals:
    """Gathers the lines of a job; `earlier` ones are those of the existing file, with people's comments.

    A comment stays with its file. A status is about what was seen: another picture has none yet.
    """

    def __init__(self, path: Path, earlier: dict[str, dict[str, str]]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        extra = [name for row in earlier.values() for name in row if name not in COLUMNS]
        self._writer = csv.DictWriter(self._file, [*COLUMNS, *dict.fromkeys(extra)], lineterminator="\n")
        self._writer.writeheader()
        self._earlier = earlier

    def add(self, item: ItemRecord, destination: str) -> None:
        """Write the line of an output that was delivered."""
        file = item.target.removeprefix(f"{destination}/")
        before = self._earlier.get(_plain(file), {})
        row = {
            **before,
            "asset": _plain(base_name(item.source)),
            "style": _plain(item.style_label),
            "format": " ".join(str(item.facts[key]) for key in ("ratio", "format") if item.facts.get(key)),
            "file": _plain(file),
            "sha256": item.sha256 or "",
        }
        if before.get("sha256") != row["sha256"]:
            row["status"] = ""
        self._writer.writerow(row)

    def close(self) -> None:
        """Close the file: no more lines."""
        self._file.close()


def read_approvals(store: ObjectStore, name: str) -> dict[str, dict[str, str]]:
    """The lines of an existing file, by output, also as a spreadsheet saves them; empty where there is none.

    Raises `TargetTaken` when it is something else, `OSError`, `StorageError`.
    """
    if store.stat(name) is None:
        return {}
    try:
        text = store.read(name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TargetTaken(name, "a file of that name is there and is not UTF-8") from None
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    if not {"file", *PEOPLES} <= set(reader.fieldnames or ()):
        raise TargetTaken(name, "a file of that name is there and was not written here")
    return dict(_rows(reader))


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[str, dict[str, str]]]:
    for row in reader:
        cells = {name: value or "" for name, value in row.items() if name}
        yield cells["file"], cells


def _plain(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(FORMULAS) else text
