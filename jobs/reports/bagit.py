"""What is written around a job's outputs when it has ended: checksums of all of them, or a whole BagIt bag.

A bag (BagIt 0.97, as the widespread tools write and read it) is the folder above the destination: nothing is
moved, so every output keeps the name it was delivered under. Hashes of outputs are those that were recorded;
whatever else is there is read.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from giornata import __version__
from giornata.jobs.errors import TargetTaken
from giornata.jobs.spec.collection import BAG_PAYLOAD
from giornata.jobs.storage.base import ObjectInfo, ObjectStore, Publisher
from giornata.jobs.store.records import destination_of
from giornata.jobs.store.store import JobStore

CHECKSUMS = "manifest-sha256.txt"
# Version 1.0 (RFC 8493) differs in percent signs in names, which bagit.py 1.9 does not read as it wants them.
DECLARATION = "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"
AGENT = "Bag-Software-Agent"
OURS = f"{AGENT}: Giornata"
SHA256_DIGITS = 64


@dataclass(frozen=True)
class Payload:
    """How much a list of checksums covers."""

    files: int
    bytes: int


def deliver_package(store: JobStore, job_id: str, files: Publisher) -> list[str]:
    """Write the checksums or the bag that a job's spec asks for; the names.

    Raises `TargetTaken` when something of such a name was not written here, `OSError`, `StorageError`.
    """
    record = store.jobs.get(job_id)
    package, destination = record.spec.package, destination_of(record).rstrip("/")
    files = files.of(record.spec.storage)
    object_store, written = files.stores.at(destination, record.spec.storage), []
    with tempfile.TemporaryDirectory(prefix="giornata-package-") as folder:
        if package.checksums:
            name = f"{destination}/{CHECKSUMS}"
            _refuse_strangers(object_store, name)
            path = Path(folder) / "checksums"
            write_checksums(path, checked(store, files, object_store, destination, without=name))
            object_store.upload(path, name)
            written.append(name)
        if package.bag is not None:
            root = destination.removesuffix(f"/{BAG_PAYLOAD}")
            _refuse_other_bags(object_store, f"{root}/bag-info.txt")
            rows = checked(store, files, object_store, root, below=destination)
            tags = make_tags(Path(folder), rows, package.bag)
            for tag in tags:
                object_store.upload(tag, f"{root}/{tag.name}")
                written.append(f"{root}/{tag.name}")
    return written


def checked(
    store: JobStore,
    files: Publisher,
    object_store: ObjectStore,
    root: str,
    *,
    below: str = "",
    without: str = "",
) -> Iterator[tuple[ObjectInfo, str, str]]:
    """Every visible file below a folder: its entry, its name from `root`, and its SHA-256."""
    for entry in object_store.list(below or root):
        if entry.name != without:
            delivery = store.deliveries.find(entry.name)
            recorded = delivery.sha256 if delivery and delivery.bytes == entry.bytes else None
            yield entry, entry.name.removeprefix(f"{root}/"), recorded or files.sha256(entry.name)


def write_checksums(path: Path, rows: Iterator[tuple[ObjectInfo, str, str]]) -> Payload:
    """One line a file: its hash, two spaces, its name; line ends in names become `%0D` and `%0A`."""
    count = total = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for entry, name, sha256 in rows:
            shown = name.replace("\r", "%0D").replace("\n", "%0A")
            out.write(f"{sha256}  {shown}\n")
            count, total = count + 1, total + entry.bytes
    return Payload(count, total)


def make_tags(
    folder: Path, rows: Iterator[tuple[ObjectInfo, str, str]], info: Mapping[str, str]
) -> list[Path]:
    """A bag's own files in `folder`, the list of their hashes last."""
    payload = write_checksums(folder / CHECKSUMS, rows)
    bag_info = {
        **info,
        "Bagging-Date": date.today().isoformat(),
        AGENT: f"Giornata {__version__}",
        "Payload-Oxum": f"{payload.bytes}.{payload.files}",
    }
    (folder / "bagit.txt").write_text(DECLARATION, encoding="utf-8")
    lines = "".join(f"{label}: {text}\n" for label, text in bag_info.items())
    (folder / "bag-info.txt").write_text(lines, encoding="utf-8")
    tags = [folder / name for name in ("bagit.txt", "bag-info.txt", CHECKSUMS)]
    hashes = "".join(f"{_sha256(tag)}  {tag.name}\n" for tag in tags)
    (folder / "tagmanifest-sha256.txt").write_text(hashes, encoding="utf-8")
    return [*tags, folder / "tagmanifest-sha256.txt"]


def _refuse_strangers(store: ObjectStore, name: str) -> None:
    head = store.stat(name)
    start = store.read(name, length=SHA256_DIGITS + 2).decode(errors="replace") if head else ""
    is_list = start.endswith("  ") and set(start[:-2]) <= set("0123456789abcdef")
    if head and head.bytes and not is_list:
        raise TargetTaken(name, "a file of that name is there and was not written here")


def _refuse_other_bags(store: ObjectStore, name: str) -> None:
    if store.stat(name) and OURS not in store.read(name).decode(errors="replace"):
        raise TargetTaken(name, "there is a bag that was not made here")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
