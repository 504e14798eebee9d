"""Contact sheets of finished pictures, one an asset, with captions; the list of approvals beside them."""

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageDraw, ImageFont

from giornata.atomic_file import atomic_write
from giornata.jobs.maintenance.orphans import SHEETS
from giornata.jobs.model.paths import base_name, is_url
from giornata.jobs.model.states import ItemState
from giornata.jobs.planning.assets import is_picture
from giornata.jobs.spec.enums import FOLDER_FORMATS
from giornata.jobs.spec.naming import safe_component
from giornata.jobs.storage.base import ObjectStore, Publisher
from giornata.jobs.store.records import ItemRecord, destination_of
from giornata.jobs.store.store import JobStore
from giornata.workers.encoding.pyramid import small_copy
from giornata.workers.errors import EncodeFailed
from giornata.workers.sheets.approvals import APPROVALS, Approvals, read_approvals

CELL_PX = 320
GAP_PX = 16
CAPTION_PX = 14
PAPER = (250, 248, 244)
INK = (40, 38, 36)
FAINT = (200, 196, 190)
JPEG_QUALITY = 90


def contact_sheet(
    entries: Sequence[tuple[Path | None, str]], target: Path, *, columns: int = 4, cell_px: int = CELL_PX
) -> Path:
    """Writes a sheet of `entries`, pictures and their captions, to `target` and returns it.

    Every picture is fitted into a square of `cell_px`; one that is missing leaves an empty frame. Raises
    `EncodeFailed`; then no file is left.
    """
    try:
        pictures = [
            (thumbnail(path, side_px=cell_px) if path else _frame(cell_px), caption)
            for path, caption in entries
        ]
        rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
        heights = [max(picture.height for picture, _ in row) + GAP_PX + 2 * CAPTION_PX for row in rows]
        width = GAP_PX + columns * (cell_px + GAP_PX)
        sheet = Image.new("RGB", (width, GAP_PX + max(sum(heights), GAP_PX)), PAPER)
        top = GAP_PX
        for row, height in zip(rows, heights, strict=True):
            _place(sheet, row, top=top, height=height - GAP_PX - 2 * CAPTION_PX, cell_px=cell_px)
            top += height
        _save(sheet, target)
    except (pyvips.Error, OSError) as error:
        raise EncodeFailed(str(target), " ".join(str(error).split())) from error
    return target


def _place(
    sheet: Image.Image, row: Sequence[tuple[Image.Image, str]], *, top: int, height: int, cell_px: int
) -> None:
    """Put a row's pictures on one base line, their captions below it."""
    font = ImageFont.load_default(CAPTION_PX)
    for column, (picture, caption) in enumerate(row):
        left = GAP_PX + column * (cell_px + GAP_PX)
        sheet.paste(picture, (left + (cell_px - picture.width) // 2, top + height - picture.height))
        label = _fitted(caption, font, cell_px)
        ImageDraw.Draw(sheet).text((left + cell_px / 2, top + height + 4), label, INK, font, anchor="ma")


def _frame(cell_px: int) -> Image.Image:
    frame = Image.new("RGB", (cell_px, cell_px // 2), PAPER)
    ImageDraw.Draw(frame).rectangle((0, 0, cell_px - 1, cell_px // 2 - 1), outline=FAINT)
    return frame


def thumbnail(path: Path, *, side_px: int) -> Image.Image:
    """The picture at `path` within a square of `side_px`: 8-bit sRGB, on paper where transparent."""
    image = pyvips.Image.thumbnail(str(path), side_px, height=side_px, size="down", output_profile="srgb")
    if image.hasalpha():
        image = image.flatten(background=list(PAPER))
    if image.bands == 1:
        image = image.bandjoin([image, image])
    samples = np.ndarray((image.height, image.width, 3), np.uint8, image.cast("uchar").write_to_memory())
    return Image.fromarray(samples)


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    """`text`, shortened in the middle until it fits: file names differ at both ends."""
    shown, length = text, len(text)
    while font.getlength(shown) > width_px and length > 2:
        length -= 1
        shown = f"{text[: (length + 1) // 2]}…{text[len(text) - length // 2 :]}"
    return shown


def _save(sheet: Image.Image, target: Path) -> None:
    with atomic_write(target) as part:
        sheet.save(part, format="PNG" if target.suffix.lower() == ".png" else "JPEG", quality=JPEG_QUALITY)


OPEN_PICTURES = 64  # whose outputs are gathered at once; a job has them a few pictures apart
MOST_OUTPUTS = 60  # on one sheet
COLUMNS = 4
_THERE = (ItemState.DONE, ItemState.SKIPPED)


def deliver_sheets(store: JobStore, job_id: str, files: Publisher) -> int:
    """Write a sheet for every picture of a job to `contact-sheets/` at its destination; returns how many.

    Beside them goes `approvals.csv`, in which people's earlier comments stay. Raises `TargetTaken` when
    something of that name was not written here, `EncodeFailed`, `OSError`, `StorageError`.
    """
    record = store.jobs.get(job_id)
    destination = destination_of(record).rstrip("/")
    object_store, count = files.stores.at(destination, record.spec.storage), 0
    table = f"{destination}/{SHEETS}/{APPROVALS}"
    with (
        tempfile.TemporaryDirectory(prefix="giornata-approvals-") as folder,
        closing(Approvals(Path(folder) / APPROVALS, read_approvals(object_store, table))) as approvals,
    ):
        for source, items in by_source(store.items.all(job_id)):
            _deliver_sheet(items, destination, object_store, f"{destination}/{SHEETS}/{sheet_name(source)}")
            count += 1
            for item in items:
                if item.state in _THERE:
                    approvals.add(item, destination)
        approvals.close()
        object_store.upload(Path(folder) / APPROVALS, table)
    return count


def _deliver_sheet(items: Sequence[ItemRecord], destination: str, store: ObjectStore, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="giornata-sheet-") as folder:
        entries = [_entry(item, destination, store, Path(folder)) for item in items[:MOST_OUTPUTS]]
        sheet = contact_sheet(entries, Path(folder) / "sheet.jpg", columns=min(COLUMNS, len(entries)))
        store.upload(sheet, name)


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
    """An output's name less its suffix, and its state when it was not delivered."""
    name = item.target.removeprefix(f"{destination}/").rsplit(".", 1)[0]
    return name if item.state in _THERE else f"{item.state}: {name}"


def _entry(item: ItemRecord, destination: str, store: ObjectStore, folder: Path) -> tuple[Path | None, str]:
    return (_shown(item, store, folder) if item.state in _THERE else None), caption_of(item, destination)


def _shown(item: ItemRecord, store: ObjectStore, folder: Path) -> Path | None:
    """The picture that stands for an output, as a local file: itself, or a small copy of one of tiles."""
    if item.facts.get("format", "") in FOLDER_FORMATS:
        small = small_copy(store, item.target, side_px=CELL_PX)
        if small is None:
            return None
        path = folder / safe_component(f"{item.target}.jpg")
        path.write_bytes(small)
        return path
    return _near(item.target, store, folder) if is_picture(item.target) else None


def _near(target: str, store: ObjectStore, folder: Path) -> Path | None:
    """An output as a local file; None when it is gone."""
    if store.stat(target) is None:
        return None
    if not is_url(target):
        return Path(target)
    path = folder / safe_component(target)
    store.download(target, path)
    return path
