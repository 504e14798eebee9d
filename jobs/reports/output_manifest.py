"""The manifest of a job, `manifest.csv` and `manifest.json`, on disk or in a bucket, and its summary."""

import csv
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from giornata.atomic_file import atomic_write
from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.paths import is_url
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.states import ItemState
from giornata.jobs.storage.base import ObjectStore, Publisher
from giornata.jobs.store.records import ItemRecord, destination_of
from giornata.jobs.store.store import JobStore

COLUMNS = ("source", "style", "target", "width", "height", "bytes", "sha256", "state", "reason", "seconds")
# What was asked for and, once delivered, what was chosen and measured.
FACTS = ("format", "ratio", "strength", "profile", "quality", "ssim", "seam", "clipping")
LAST = "warnings"
ALL_COLUMNS = (*COLUMNS, *FACTS, LAST)
CSV_START = ",".join(COLUMNS)
JSON_START = '{"giornata_manifest": 1,'
SAMPLES = 5  # failures shown for each cause


@dataclass(frozen=True)
class Cause:
    """Failures of one class: how many, and the first few."""

    outcome_class: str
    count: int
    samples: tuple[ItemRecord, ...]


@dataclass(frozen=True)
class Summary:
    """How a job stands: its numbers, and its failures by cause, the most frequent first."""

    snapshot: JobSnapshot
    reason: str
    causes: tuple[Cause, ...]


def summarise(store: JobStore, job_id: str) -> Summary:
    """The summary of a job. Raises `UnknownJob`."""
    record = store.jobs.get(job_id)
    # Failures are few by nature; should they not be, the samples alone stay in memory.
    counts: dict[str, int] = {}
    samples: dict[str, list[ItemRecord]] = {}
    for item in store.items.all(job_id, (state for state in ItemState if state.is_lost)):
        cause = item.outcome_class or "other"
        counts[cause] = counts.get(cause, 0) + 1
        if counts[cause] <= SAMPLES:
            samples.setdefault(cause, []).append(item)
    causes = (Cause(cause, count, tuple(samples[cause])) for cause, count in counts.items())
    return Summary(record.snapshot, record.reason, tuple(sorted(causes, key=lambda cause: -cause.count)))


def write_manifest(store: JobStore, job_id: str, folder: Path) -> tuple[Path, Path]:
    """Write `manifest.csv` and `manifest.json` with a row for every item; their paths.

    Each is written under a temporary name and renamed when whole. Raises `TargetTaken` when a file of that
    name was not written here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, document = folder / "manifest.csv", folder / "manifest.json"
    _check_ours(table, CSV_START)
    _check_ours(document, JSON_START)
    with _replaced(table) as file:
        writer = csv.writer(file)
        writer.writerow(ALL_COLUMNS)
        writer.writerows(_row(item) for item in store.items.all(job_id))
    with _replaced(document) as file:
        _write_document(file, store, job_id)
    return table, document


def _row(item: ItemRecord) -> tuple[str | int | float | None, ...]:
    return (
        item.source,
        item.style_label,
        item.target,
        item.width,
        item.height,
        item.bytes,
        item.sha256,
        item.state,
        item.reason,
        round(item.seconds, 3),
        *(item.facts.get(name) for name in FACTS),
        item.warnings,
    )


def _write_document(file: IO[str], store: JobStore, job_id: str) -> None:
    snapshot = store.jobs.snapshot(job_id)
    head = {"job": job_id, "name": snapshot.name, "state": snapshot.state, "counts": dict(snapshot.counts)}
    file.write(f'{JSON_START} {json.dumps(head)[1:-1]}, "items": [')
    separator = "\n"
    for item in store.items.all(job_id):
        file.write(
            separator + json.dumps(dict(zip(ALL_COLUMNS, _row(item), strict=True)), ensure_ascii=False)
        )
        separator = ",\n"
    file.write("\n]}\n")


def _check_ours(path: Path, start: str) -> None:
    if not path.exists():
        return
    with path.open("rb") as file:
        if file.read(len(start)) != start.encode():
            raise TargetTaken(path, "a file of that name is there and was not written here")


@contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    with atomic_write(path, durable=True) as part, part.open("w", encoding="utf-8", newline="") as file:
        yield file


def deliver_manifest(store: JobStore, job_id: str, files: Publisher) -> tuple[str, str]:
    """Write `manifest.csv` and `manifest.json` beside a job's outputs; their names.

    Raises `TargetTaken` when something of that name was not written here, `OSError`, `StorageError`.
    """
    record = store.jobs.get(job_id)
    destination = destination_of(record)
    if not is_url(destination):
        table, document = write_manifest(store, job_id, Path(destination))
        return str(table), str(document)
    object_store = files.stores.at(destination, record.spec.storage)
    names = f"{destination}/manifest.csv", f"{destination}/manifest.json"
    for name, start in zip(names, (CSV_START, JSON_START), strict=True):
        _check_object(object_store, name, start.encode())
    with tempfile.TemporaryDirectory(prefix="giornata-manifest-") as folder:
        for name, path in zip(names, write_manifest(store, job_id, Path(folder)), strict=True):
            object_store.upload(path, name)
    return names


def _check_object(store: ObjectStore, name: str, start: bytes) -> None:
    head = store.stat(name)
    if head is None:
        return
    if head.bytes < len(start) or store.read(name, length=len(start)) != start:
        raise TargetTaken(name, "an object of that name is there and was not written here")
