"""One contact sheet for each picture of a job, and the list on which those who see them say yes or no."""

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from giornata.jobs.maintenance.orphans import SHEETS
from giornata.jobs.model.paths import base_name, is_url
from giornata.jobs.model.states import ItemState
from giornata.jobs.planning.assets import is_picture
from giornata.jobs.spec.enums import FOLDER_FORMATS
from giornata.jobs.spec.naming import safe_component
from giornata.jobs.storage.base import Files, Place
from giornata.jobs.store.records import ItemRecord, destination_of
from giornata.jobs.store.store import JobStore
from giornata.workers.approvals import APPROVALS, Approvals, read_approvals
from giornata.workers.contact_sheet import CELL_PX, contact_sheet
from giornata.workers.tile_levels import small_copy

OPEN_PICTURES = 64  # whose outputs are gathered at once; a job has them a few pictures apart
MOST_OUTPUTS = 60  # on one sheet
COLUMNS = 4
_THERE = (ItemState.DONE, ItemState.SKIPPED)


def deliver_sheets(store: JobStore, job_id: str, files: Files) -> int:
    """Write a sheet for every picture of a job to `contact-sheets/` at its destination; how many.

    Beside them goes `approvals.csv`, in which what people wrote before stays. Raises `TargetTaken` when
    something of that name was not written here, `EncodeFailed`, `OSError`, `PlaceError`.
    """
    record = store.job(job_id)
    destination = destination_of(record).rstrip("/")
    place, count = files.places.at(destination, record.spec.storage), 0
    table = f"{destination}/{SHEETS}/{APPROVALS}"
    with (
        tempfile.TemporaryDirectory(prefix="giornata-approvals-") as folder,
        closing(Approvals(Path(folder) / APPROVALS, read_approvals(place, table))) as approvals,
    ):
        for source, items in by_source(store.items(job_id)):
            _deliver_sheet(items, destination, place, f"{destination}/{SHEETS}/{sheet_name(source)}")
            count += 1
            for item in items:
                if item.state in _THERE:
                    approvals.add(item, destination)
        approvals.close()
        place.put(Path(folder) / APPROVALS, table)
    return count


def _deliver_sheet(items: Sequence[ItemRecord], destination: str, place: Place, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="giornata-sheet-") as folder:
        entries = [_entry(item, destination, place, Path(folder)) for item in items[:MOST_OUTPUTS]]
        sheet = contact_sheet(entries, Path(folder) / "sheet.jpg", columns=min(COLUMNS, len(entries)))
        place.put(sheet, name)


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
    return (_shown(item, place, folder) if item.state in _THERE else None), caption_of(item, destination)


def _shown(item: ItemRecord, place: Place, folder: Path) -> Path | None:
    """The picture that stands for an output, as a local file: itself, or of one of tiles a small copy."""
    if item.facts.get("format", "") in FOLDER_FORMATS:
        small = small_copy(place, item.target, side_px=CELL_PX)
        if small is None:
            return None
        path = folder / safe_component(f"{item.target}.jpg")
        path.write_bytes(small)
        return path
    return _near(item.target, place, folder) if is_picture(item.target) else None


def _near(target: str, place: Place, folder: Path) -> Path | None:
    """An output as a local file; nothing when it is gone."""
    if place.head(target) is None:
        return None
    if not is_url(target):
        return Path(target)
    path = folder / safe_component(target)
    place.fetch(target, path)
    return path
