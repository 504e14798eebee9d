"""A job's manifest at its destination, be that a folder or a prefix in a bucket."""

import tempfile
from pathlib import Path

from giornata.jobs.delivered import Files
from giornata.jobs.errors import TargetTaken
from giornata.jobs.folders import destination_of
from giornata.jobs.places import is_url
from giornata.jobs.ports import Place
from giornata.jobs.report import CSV_START, JSON_START, write_manifest
from giornata.jobs.store import JobStore


def deliver_manifest(store: JobStore, job_id: str, files: Files) -> tuple[str, str]:
    """Write `manifest.csv` and `manifest.json` beside a job's outputs; their names.

    Raises `TargetTaken` when something of that name was not written here, `OSError`, `PlaceError`.
    """
    record = store.job(job_id)
    destination = destination_of(record)
    if not is_url(destination):
        table, document = write_manifest(store, job_id, Path(destination))
        return str(table), str(document)
    place = files.places.at(destination, record.spec.storage)
    names = f"{destination}/manifest.csv", f"{destination}/manifest.json"
    for name, start in zip(names, (CSV_START, JSON_START), strict=True):
        _check_ours(place, name, start.encode())
    with tempfile.TemporaryDirectory(prefix="giornata-manifest-") as folder:
        for name, path in zip(names, write_manifest(store, job_id, Path(folder)), strict=True):
            place.put(path, name)
    return names


def _check_ours(place: Place, name: str, start: bytes) -> None:
    found = place.head(name)
    if found is None:
        return
    if found.bytes < len(start) or place.read(name, length=len(start)) != start:
        raise TargetTaken(name, "an object of that name is there and was not written here")
