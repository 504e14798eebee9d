"""What a job leaves beside its outputs when it has ended: manifests, contact sheets, checksums, a bag."""

from pathlib import Path

import bagit

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.paths import is_url
from giornata.jobs.reports.bagit import deliver_package
from giornata.jobs.reports.output_manifest import deliver_manifest
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import destination_of
from giornata.jobs.store.store import JobStore
from giornata.workers.sheets.contact_sheet import deliver_sheets


def write_artifacts(store: JobStore, job_id: str, files: Publisher) -> tuple[str, str]:
    """Write manifests, sheets and package of a job's spec; returns the names of the manifests.

    Raises `TargetTaken` when a file of such a name was not written here or a bag is not whole, `OSError`,
    `StorageError`, `EncodeFailed`.
    """
    manifests = deliver_manifest(store, job_id, files)
    package = store.jobs.get(job_id).spec.package
    if package.contact_sheets:
        deliver_sheets(store, job_id, files)
    deliver_package(store, job_id, files)
    if package.bag is not None:
        _check_bag(destination_of(store.jobs.get(job_id)))
    return manifests


def _check_bag(destination: str) -> None:
    """Ask the reference implementation whether the bag is complete; hashes are for `verify` to read."""
    if is_url(destination):
        return
    try:
        bagit.Bag(str(Path(destination).parent)).validate(fast=True)
    except bagit.BagError as error:
        raise TargetTaken(destination, f"the bag around it is not whole: {error}") from error
