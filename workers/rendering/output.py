"""Writes one output: colours back, metadata in, within `max_bytes`, and the record beside it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from giornata import __version__
from giornata.jobs.model.paths import sidecar_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import MetadataPolicy, PictureFormat
from giornata.jobs.spec.output import LOSSY
from giornata.jobs.storage.hashing import file_sha256
from giornata.jobs.storage.local import remove
from giornata.styles.library import Library
from giornata.styles.moments import Totals
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.effects.crop import crop_warnings, to_show
from giornata.workers.encoding.encode import Encoded, EncodeOptions, Samples, encode
from giornata.workers.errors import EffectRefused, EncodeFailed, Unreadable
from giornata.workers.metadata.blocks import HELD, Blocks, fitting
from giornata.workers.metadata.metadata import Derivation, new_blocks, read_metadata
from giornata.workers.rendering.provenance import (
    Provenance,
    UniversalRecord,
    build_provenance,
    file_name,
    machine,
    software,
    style_records,
    totals_sha256,
    write_provenance,
)
from giornata.workers.tiling.canvas import PaintedTile
from giornata.workers.tiling.grid import TileGrid

LOWEST_QUALITY = 20  # below this blocks and smears show more than the style


def fit_bytes(write: Callable[[int], int], *, quality: int, max_bytes: int) -> int:
    """The highest quality up to `quality` whose file has at most `max_bytes`; that file was written last.

    `write` writes the file at a quality and returns its bytes, which are taken to grow with the quality.
    Raises `EffectRefused` when not even `LOWEST_QUALITY` is small enough.
    """
    size = write(quality)
    if size <= max_bytes:
        return quality
    lowest = min(quality, LOWEST_QUALITY)
    best, too_high, written = lowest - 1, quality, quality
    while too_high - best > 1:
        written = (best + too_high) // 2
        size = write(written)
        if size <= max_bytes:
            best = written
        else:
            too_high = written
    if best < lowest:
        actual = f"{size} bytes at quality {written}"
        raise EffectRefused(f"fitting into {max_bytes} bytes", actual, "more bytes or fewer px")
    if written != best:
        write(best)
    return best


TOOL = f"Giornata {__version__}"


@dataclass(frozen=True)
class WrittenOutput:
    """An output that was written, and the data that its record needs."""

    encoded: Encoded
    source_sha256: str
    warnings: tuple[str, ...]
    xmp: str | None  # where the output could not hold it
    quality: int | None = None  # of formats that lose something


def derivation_of(task: RenderTask, source_sha256: str) -> Derivation:
    """How the output of `task` came to be, for its metadata."""
    return Derivation(
        key=task.content_key(),
        source_name=os.fsencode(Path(task.source).name).decode("utf-8", "replace"),
        source_sha256=source_sha256,
        source_type=task.source_type,
        tool=TOOL,
        parameters=_parameters(task),
    )


def _parameters(task: RenderTask) -> str:
    universal = task.styled_by
    images = universal.images if universal else ()
    parts = task.mix or {file_name(image.path): image.share for image in images}
    styles = " + ".join(
        name if len(parts) == 1 else f"{weight:g} {name}" for name, weight in sorted(parts.items())
    )
    parameters = [styles, f"strength {task.strength:g}", f"statistics {task.statistics}"]
    parameters += [f"blend {task.blend:g}"] if task.blend < 1 else []
    parameters += [f"brush {task.brush.value:g} {task.brush.unit}"] if task.brush else []
    return ", ".join(parameters)


def write_output(task: RenderTask, *, decoded: DecodedImage, pixels: Samples, target: Path) -> WrittenOutput:
    """Writes `pixels` (uint8 or uint16, H x W x 3, working sRGB) to `target`, an attempt's own name.

    Raises `EncodeFailed`, and `Unreadable` when the source is gone; then no file is left at `target`.
    """
    try:
        source_sha256 = file_sha256(Path(task.source))
    except OSError as error:
        raise Unreadable(task.source, error.strerror or str(error)) from error
    metadata = read_metadata(decoded)
    blocks = new_blocks(metadata, derivation_of(task, source_sha256), task.metadata)
    options = _options(task, decoded)

    def write(quality: int) -> Encoded:
        return encode(
            pixels,
            alpha=decoded.alpha,
            facts=decoded.facts,
            target=target,
            options=options.model_copy(update={"quality": quality}),
            profile_path=decoded.profile_path,
            blocks=blocks,
        )

    encoded, quality = _small_enough(task, write)
    warnings = (
        *metadata.warnings,
        *encoded.warnings,
        *_not_held(blocks, encoded, task.metadata),
        *_without_address(task),
        *crop_warnings(decoded, task.crop),
        *_lowered(task, quality),
    )
    quality_written = quality if encoded.format in LOSSY else None
    return WrittenOutput(encoded, source_sha256, warnings, _left_xmp(blocks, encoded), quality_written)


def _options(task: RenderTask, decoded: DecodedImage) -> EncodeOptions:
    """The encode options of `task`, for a picture of this size."""
    box, size = to_show((decoded.width, decoded.height), task.crop)
    crop = (box.left, box.top, box.width, box.height) if box else None
    return EncodeOptions.of(task).model_copy(update={"crop": crop, "size": size or task.size})


def _small_enough(task: RenderTask, write: Callable[[int], Encoded]) -> tuple[Encoded, int]:
    """The file that is as good as its limit of bytes allows, and the quality it was written at."""
    if task.max_bytes is None:
        return write(task.quality), task.quality
    written: list[Encoded] = []

    def size(quality: int) -> int:
        if written:
            remove(written[-1].path)  # a folder is not written over
        written.append(write(quality))
        return written[-1].bytes

    quality = fit_bytes(size, quality=task.quality, max_bytes=task.max_bytes)
    return written[-1], quality


def _lowered(task: RenderTask, quality: int) -> tuple[str, ...]:
    if quality == task.quality:
        return ()
    return (f"quality {quality} instead of {task.quality}, to stay within {task.max_bytes} bytes",)


def _left_xmp(blocks: Blocks, encoded: Encoded) -> str | None:
    fitted, _ = fitting(blocks, encoded.format)
    held = "xmp" in HELD[encoded.format] and fitted.xmp is not None
    return None if held or blocks.xmp is None else blocks.xmp.decode("utf-8", "replace")


def _not_held(blocks: Blocks, encoded: Encoded, policy: MetadataPolicy) -> tuple[str, ...]:
    """IPTC in formats that have no place for it is in XMP too, and no loss worth a word; tiles lose all."""
    if HELD[encoded.format] or policy is MetadataPolicy.MINIMAL:
        return ()
    return (f"{encoded.format} tiles hold no metadata: the packet is in the sidecar only",)


def _without_address(task: RenderTask) -> tuple[str, ...]:
    if task.format is not PictureFormat.IIIF or task.iiif_id is not None:
        return ()
    return ("info.json's id is a bare name: viewers need its address, which iiif_base makes",)


def record_of(
    task: RenderTask,
    output: WrittenOutput,
    *,
    decoded: DecodedImage,
    library: Library,
    grid: TileGrid,
    totals: Totals | None,
    device: str,
    lanes: int,
    seconds: Mapping[str, float],
    painted: tuple[PaintedTile, ...] = (),
    warnings: tuple[str, ...] = (),
    universal: UniversalRecord | None = None,
) -> Provenance:
    """The record of an output that was handed over just now, by this process."""
    return build_provenance(
        task,
        facts=decoded.facts,
        source_sha256=output.source_sha256,
        styles=style_records(task, library),
        universal=universal,
        grid=grid,
        painted=painted,
        totals_hash=totals_sha256(totals),
        encoded=output.encoded,
        software=software(),
        machine=machine(task, device=device, lanes=lanes),
        finished=datetime.now(UTC),
        seconds=seconds,
        warnings=(*decoded.facts.warnings, *warnings, *output.warnings),
        xmp=output.xmp,
    )


def write_sidecar(provenance: Provenance, target: Path) -> Path:
    """Writes the record beside `target`; returns its path. Raises `EncodeFailed`; then it is not there."""
    path = sidecar_of(target)
    try:
        write_provenance(provenance, path)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise EncodeFailed(str(path), error.strerror or str(error)) from error
    return path
