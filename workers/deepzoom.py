"""Writes one picture as a pyramid of JPEG tiles: Deep Zoom, or IIIF Image 3.0 level 0, as folder or zip."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pyvips

from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.workers.digest import tree_files
from giornata.workers.formats import HOLDS
from giornata.workers.savers import SaveOptions, jpeg_options

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
    made = folder / TILE_NAME
    info = json.loads((made / "info.json").read_text())
    for path in list(made.iterdir()):
        path.rename(folder / path.name)
    made.rmdir()
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
    """What `sizes` lists, rising: halvings from 2048 px down to a thumbnail, rounded up as tiles are."""
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
    """Onto the disk: the files first, then the folders that name them."""
    for path in (*tree_files(folder), *(path for path in folder.rglob("*") if path.is_dir()), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _zip(folder: Path, target: Path, name: str) -> None:
    """Stored, not compressed: tiles are JPEG already."""
    with target.open("w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in tree_files(folder):
                entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", EPOCH)
                entry.external_attr = 0o644 << 16
                with path.open("rb") as source, archive.open(entry, "w") as sink:
                    shutil.copyfileobj(source, sink)
        file.flush()
        os.fsync(file.fileno())
