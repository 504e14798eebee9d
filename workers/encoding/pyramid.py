"""Pyramids of JPEG tiles, as folder or zip: Deep Zoom and IIIF Image 3.0 level 0, written and read back."""

import json
import math
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pyvips

from giornata.jobs.errors import ObjectNotFound, StorageError
from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.storage.base import ObjectInfo, ObjectStore
from giornata.jobs.storage.hashing import tree_files
from giornata.jobs.storage.remote_file import RemoteFile
from giornata.workers.encoding.savers import SaveOptions, jpeg_options
from giornata.workers.formats.capabilities import HOLDS

DZI_TILE_PX, DZI_OVERLAP_PX = 254, 1  # what OpenSeadragon wants: 256 px files
IIIF_TILE_PX = 512
LARGEST_SIZE_PX = 2048  # the longest side among `sizes`; larger ones are asked for as tiles
THUMBNAIL_PX = 200  # `sizes` goes on below the last tile level until a side is this small
TILE_NAME = "tiles"  # what dzsave is told; names from outside would be parsed by it
WORKING_FILES = ("vips-properties.xml",)  # dzsave's own notes; they hold the time of day
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever a zip is written

Size = tuple[int, int]


def write_tiles(
    image: pyvips.Image,
    target: Path,
    *,
    format: PictureFormat,
    name: str,
    quality: int,
    container: Container,
    address: str | None = None,
) -> None:
    """Writes `image`, 8-bit grey or RGB, to `target`: a new folder, or a zip that holds one folder `name`.

    Deep Zoom: `name`.dzi and `name`_files/. IIIF: info.json, tiles, `sizes` and full/max; `address` is where
    the folder will be served (IIIF's `id`), `name` without one. Raises `pyvips.Error`, `OSError`.
    """
    write = write_dzi if format is PictureFormat.DZI else write_iiif
    if container is Container.FOLDER:
        target.mkdir()
        write(image, target, name=name, quality=quality, address=address)
        _sync(target)
        return
    # Still an attempt's name: what a killed process leaves is found and swept.
    folder = target.with_name(target.name + "_tiles")
    folder.mkdir()
    try:
        write(image, folder, name=name, quality=quality, address=address)
        _zip(folder, target, name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_dzi(
    image: pyvips.Image, folder: Path, *, name: str, quality: int, address: str | None = None
) -> None:
    """Deep Zoom files into the empty `folder`."""
    _dzsave(image, folder, "dz", quality, tile_size=DZI_TILE_PX, overlap=DZI_OVERLAP_PX)
    (folder / f"{TILE_NAME}.dzi").rename(folder / f"{name}.dzi")
    (folder / f"{TILE_NAME}_files").rename(folder / f"{name}_files")


def write_iiif(
    image: pyvips.Image, folder: Path, *, name: str, quality: int, address: str | None = None
) -> None:
    """IIIF level 0 files into the empty `folder`: everything that info.json offers lies there as a file."""
    _dzsave(image, folder, "iiif3", quality, tile_size=IIIF_TILE_PX)
    tile_folder = folder / TILE_NAME
    info = json.loads((tile_folder / "info.json").read_text())
    for path in list(tile_folder.iterdir()):
        path.rename(folder / path.name)
    tile_folder.rmdir()
    largest = _write_full(image, folder, quality)
    sizes = _write_sizes(image, folder, quality)
    info["id"] = address or name
    info["sizes"] = [{"width": width, "height": height} for width, height in sizes]
    if largest != (image.width, image.height):
        info |= {"maxWidth": largest[0], "maxHeight": largest[1]}
    (folder / "info.json").write_text(json.dumps(info, indent=2) + "\n")


def _dzsave(image: pyvips.Image, folder: Path, layout: str, quality: int, **tiles: Any) -> None:
    suffix = f".jpg[Q={quality},keep=none]"
    image.dzsave(os.fsencode(folder / TILE_NAME), layout=layout, suffix=suffix, id="", **tiles)
    for left in [path for name in WORKING_FILES for path in folder.rglob(name)]:
        left.unlink()


def iiif_sizes(width: int, height: int) -> list[Size]:
    """The list `sizes`, rising: halvings from 2048 px down to a thumbnail, rounded up as tiles are."""
    sizes, factor = [], 1
    while True:
        size = (-(-width // factor), -(-height // factor))
        if max(size) <= LARGEST_SIZE_PX:
            sizes.append(size)
        if max(size) <= THUMBNAIL_PX:
            return sizes[::-1]
        factor *= 2


def _write_full(image: pyvips.Image, folder: Path, quality: int) -> Size:
    """full/max; smaller than the picture only where JPEG cannot hold it."""
    limit = HOLDS[PictureFormat.JPEG].side_px or 0
    while max(image.width, image.height) > limit:
        image = image.shrink(2, 2, ceil=True)
    _write_jpeg(image, folder / "full" / "max", quality)
    return image.width, image.height


def _write_sizes(image: pyvips.Image, folder: Path, quality: int) -> list[Size]:
    sizes = iiif_sizes(image.width, image.height)
    # Read the picture once: the smaller sizes come from the largest of them.
    largest = _resized(image, sizes[-1]).copy_memory()
    for size in sizes:
        _write_jpeg(_resized(largest, size), folder / "full" / f"{size[0]},{size[1]}", quality)
    return sizes


def _resized(image: pyvips.Image, size: Size) -> pyvips.Image:
    return image.resize(size[0] / image.width, vscale=size[1] / image.height)


def _write_jpeg(image: pyvips.Image, folder: Path, quality: int) -> None:
    (folder / "0").mkdir(parents=True, exist_ok=True)
    how = jpeg_options(image, SaveOptions(quality=quality))
    image.jpegsave(os.fsencode(folder / "0" / "default.jpg"), keep="none", **how)


def _sync(folder: Path) -> None:
    """Sync to the disk: the files first, then the folders that name them."""
    for path in (*tree_files(folder), *(path for path in folder.rglob("*") if path.is_dir()), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _zip(folder: Path, target: Path, name: str) -> None:
    """Write a zip, stored and not compressed: tiles are JPEG already."""
    with target.open("w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in tree_files(folder):
                entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", EPOCH)
                entry.external_attr = 0o644 << 16
                with path.open("rb") as source, archive.open(entry, "w") as sink:
                    shutil.copyfileobj(source, sink)
        file.flush()
        os.fsync(file.fileno())


MOST_BYTES = 64 << 20  # of one member: a small picture of a pyramid is a tenth of a megabyte


class ZippedFolder:
    """The members of one zip by names below its own, as an `ObjectStore` has them; `folder` holds all."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        """Reads the directory of the zip `name`. Raises `BadZipFile`, `StorageError`, `OSError`."""
        file = RemoteFile.open(store, name)
        self._archive = zipfile.ZipFile(file)
        self._name, self._changed_at = name, file.info.changed_at
        first = next(iter(self._archive.namelist()), "")
        self.folder = f"{name}/{first.partition('/')[0]}"

    def stat(self, name: str) -> ObjectInfo | None:
        """See `ObjectStore.stat`."""
        try:
            member = self._archive.getinfo(self._inside(name))
        except KeyError:
            return None
        return ObjectInfo(name, member.file_size, self._changed_at)

    def list(self, folder: str, *, depth: int | None = None) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        above = self._inside(folder) + "/"
        for member in self._archive.infolist():
            below = member.filename.removeprefix(above)
            if member.filename != below and (depth is None or below.count("/") < depth):
                yield ObjectInfo(f"{self._name}/{member.filename}", member.file_size, self._changed_at)

    def read(self, name: str) -> bytes:
        """All of a member. Raises `StorageError` for one that is not there, or is no small picture."""
        entry = self.stat(name)
        if entry is None or entry.bytes > MOST_BYTES:
            raise StorageError(name, "nothing of at most 64 MB is there")
        return self._archive.read(self._inside(name))

    def _inside(self, name: str) -> str:
        return name.removeprefix(f"{self._name}/")


ZIP = ".zip"
TileSource = ObjectStore | ZippedFolder
_SIDE = re.compile(r'\b(Width|Height)="(\d+)"')


def small_copy(store: ObjectStore, target: str, *, side_px: int) -> bytes | None:
    """A JPEG of a picture of tiles of ours, whose long side is about `side_px`, from its folder or zip.

    None where there is none, or no zip any more. Raises `OSError`, `StorageError`.
    """
    tiles: TileSource = store
    folder = target
    if target.endswith(ZIP):
        try:
            tiles = zipped = ZippedFolder(store, target)
        except (BadZipFile, ObjectNotFound):
            return None
        folder = zipped.folder
    name = _iiif_size(tiles, folder, side_px) or _dzi_level(tiles, folder)
    return tiles.read(name) if name and tiles.stat(name) else None


def _iiif_size(tiles: TileSource, folder: str, side_px: int) -> str | None:
    """The smallest of the offered sizes that is large enough, or the largest."""
    if tiles.stat(f"{folder}/info.json") is None:
        return None
    offers = json.loads(tiles.read(f"{folder}/info.json"))["sizes"]
    sizes = [(offer["width"], offer["height"]) for offer in offers]
    width, height = next((size for size in sorted(sizes) if max(size) >= side_px), max(sizes))
    return f"{folder}/full/{width},{height}/0/default.jpg"


def _dzi_level(tiles: TileSource, folder: str) -> str | None:
    """The only tile of the largest level that has one; a level is half of the next, the last is all of it."""
    index = next((entry.name for entry in tiles.list(folder, depth=1) if entry.name.endswith(".dzi")), None)
    if index is None:
        return None
    side = max(int(px) for _, px in _SIDE.findall(tiles.read(index).decode()))
    last = math.ceil(math.log2(side))
    halved = max(0, math.ceil(math.log2(side / DZI_TILE_PX)))
    return f"{index.removesuffix('.dzi')}_files/{last - halved}/0_0.jpg"
