"""One contact sheet for each picture of a job: all that was made of it, for those who have to approve it."""

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from giornata.jobs.delivered import Files
from giornata.jobs.folders import destination_of, is_picture
from giornata.jobs.naming import safe_component
from giornata.jobs.places import base_name, is_url
from giornata.jobs.ports import Place
from giornata.jobs.records import ItemRecord
from giornata.jobs.states import ItemState
from giornata.jobs.store import JobStore
from giornata.jobs.strays import SHEETS
from giornata.workers.contact_sheet import contact_sheet

OPEN_PICTURES = 64  # whose outputs are gathered at once; a job has them a few pictures apart
MOST_OUTPUTS = 60  # on one sheet
COLUMNS = 4
_THERE = (ItemState.DONE, ItemState.SKIPPED)


def deliver_sheets(store: JobStore, job_id: str, files: Files) -> int:
    """Write a sheet for every picture of a job to `contact-sheets/` at its destination; how many.

    Raises `EncodeFailed`, `OSError`, `PlaceError`.
    """
    record = store.job(job_id)
    destination = destination_of(record).rstrip("/")
    place, count = files.places.at(destination, record.spec.storage), 0
    for source, items in by_source(store.items(job_id)):
        with tempfile.TemporaryDirectory(prefix="giornata-sheet-") as folder:
            entries = [_entry(item, destination, place, Path(folder)) for item in items[:MOST_OUTPUTS]]
            sheet = contact_sheet(entries, Path(folder) / "sheet.jpg", columns=min(COLUMNS, len(entries)))
            place.put(sheet, f"{destination}/{SHEETS}/{sheet_name(source)}")
            count += 1
    return count


def by_source(items: Iterator[ItemRecord]) -> Iterator[tuple[str, list[ItemRecord]]]:
    """The items of each picture, together; few pictures are held at once."""
    gathered: OrderedDict[str, list[ItemRecord]] = OrderedDict()
    for item in items:
        gathered.setdefault(item.source, []).append(item)
        if len(gathered) > OPEN_PICTURES:
            yield gathered.popitem(last=False)
    yield from gathered.items()


def sheet_name(source: str) -> str:
    """The name of a picture's sheet: its own, and six digits for pictures of one name in two folders."""
    tag = hashlib.blake2b(source.encode(), digest_size=3).hexdigest()
    return safe_component(f"{base_name(source).rsplit('.', 1)[0]}~{tag}.jpg")


def caption_of(item: ItemRecord, destination: str) -> str:
    """The name people know it by, less its suffix, and what became of it when it was not delivered."""
    name = item.target.removeprefix(f"{destination}/").rsplit(".", 1)[0]
    return name if item.state in _THERE else f"{item.state}: {name}"


def _entry(item: ItemRecord, destination: str, place: Place, folder: Path) -> tuple[Path | None, str]:
    there = item.state in _THERE and is_picture(item.target)
    return (_near(item.target, place, folder) if there else None), caption_of(item, destination)


def _near(target: str, place: Place, folder: Path) -> Path | None:
    """An output as a local file; nothing when it is gone."""
    if place.head(target) is None:
        return None
    if not is_url(target):
        return Path(target)
    path = folder / safe_component(target)
    place.fetch(target, path)
    return path
