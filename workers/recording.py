"""Fills the record of an output: from its task, source, styles and tiles, and from what computed it here.

`build_provenance` is pure; what it cannot know is handed to it by the functions before.
"""

import hashlib
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyvips
import torch

from giornata import __version__
from giornata.jobs.model.task import RenderTask
from giornata.styles.library import Library, Shelved
from giornata.styles.moments import Totals
from giornata.workers.encode import Encoded
from giornata.workers.painters import MOST, PaintedTile
from giornata.workers.provenance import (
    MachineRecord,
    OutputRecord,
    Provenance,
    SoftwareRecord,
    SourceRecord,
    StatisticsRecord,
    StyleRecord,
    TilesRecord,
    TimesRecord,
    UniversalRecord,
)
from giornata.workers.source import SourceFacts
from giornata.workers.tiles import TileGrid

LOCATIONS = frozenset({"item_id", "source", "target", "reference", "masks", "regions", "mix", "seed"})
_PLACES: dict[str, Any] = {
    **dict.fromkeys(LOCATIONS, True),
    "optimise": {"images", "previous", "encoder"},
    "universal": {"images"},
}


def totals_sha256(totals: Totals | None) -> str | None:
    """A hash of the totals' exact bits; None for no totals."""
    if totals is None:
        return None
    digest = hashlib.sha256()
    for total in totals:
        digest.update(total.count.to_bytes(8, "little"))
        for sums in (total.total, total.squares):
            digest.update(sums.tobytes())
    return digest.hexdigest()


def style_records(task: RenderTask, library: Library) -> tuple[StyleRecord, ...]:
    """The styles of `task` and of its regions. Raises `UnknownStyle`."""
    mixes: list[tuple[int | None, dict[str, float], float]] = [(None, task.mix, task.strength)]
    mixes += [(index, region.mix, region.strength) for index, region in enumerate(task.regions)]
    return tuple(
        _style_record(library.find(name), weight, region=region, strength=strength)
        for region, mix, strength in mixes
        for name, weight in sorted(mix.items())
    )


def _style_record(shelved: Shelved, weight: float, *, region: int | None, strength: float) -> StyleRecord:
    card = shelved.card
    return StyleRecord(
        name=card.name,
        weight=weight,
        region=region,
        strength=strength,
        engine=card.engine,
        licence=card.licence,
        trained_on=card.trained_on,
        recipe=card.recipe,
        artwork=card.artwork.model_dump(),
        card_sha256=hashlib.sha256(card.model_dump_json().encode()).hexdigest(),
        weights=card.weights,
        weights_sha256=card.sha256,
    )


@lru_cache(maxsize=1)
def software() -> SoftwareRecord:
    """Versions of what runs here; Ray's is looked up and not imported."""
    libvips = ".".join(str(pyvips.version(part)) for part in range(3))
    try:
        ray = version("ray")
    except PackageNotFoundError:
        ray = None
    return SoftwareRecord(
        giornata=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        libvips=libvips,
        pyvips=pyvips.__version__,
        ray=ray,
    )


def machine(task: RenderTask, *, device: str, lanes: int) -> MachineRecord:
    """This process's device and threads."""
    return MachineRecord(
        device=torch.cuda.get_device_name() if device == "cuda" else device,
        dtype=task.precision.value,
        threads=torch.get_num_threads(),
        lanes=lanes,
        system=f"{platform.system()} {platform.machine()}",
    )


def build_provenance(
    task: RenderTask,
    *,
    facts: SourceFacts,
    source_sha256: str,
    styles: tuple[StyleRecord, ...],
    grid: TileGrid,
    painted: tuple[PaintedTile, ...] = (),
    totals_hash: str | None,
    encoded: Encoded,
    software: SoftwareRecord,
    machine: MachineRecord,
    finished: datetime,
    seconds: Mapping[str, float],
    warnings: tuple[str, ...] = (),
    xmp: str | None = None,
    universal: UniversalRecord | None = None,
) -> Provenance:
    """The record of one output, of nothing but its arguments. Paths are cut down to names."""
    return Provenance(
        source=_source_record(facts, source_sha256),
        inputs=_inputs(task),
        styles=styles,
        universal=universal,
        parameters=task.model_dump(mode="json", exclude=_PLACES),
        seed=task.seed,
        tiles=_tiles_record(grid, painted),
        statistics=StatisticsRecord(kind=task.statistics, totals_sha256=totals_hash),
        software=software,
        machine=machine,
        times=TimesRecord(finished=finished.astimezone(UTC).isoformat(), seconds=dict(seconds)),
        warnings=warnings,
        output=_output_record(task, facts, encoded),
        xmp=xmp,
    )


def file_name(path: str) -> str:
    """The last part of a path, as records say it."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def _source_record(facts: SourceFacts, sha256: str) -> SourceRecord:
    said = facts.model_dump(mode="json", exclude={"source", "file_bytes", "warnings"})
    return SourceRecord(name=file_name(facts.source), sha256=sha256, bytes=facts.file_bytes, facts=said)


def _inputs(task: RenderTask) -> dict[str, str]:
    named = {"reference": task.reference, "protect": task.masks.protect, "apply": task.masks.apply}
    if task.styled_by is not None:
        named |= {f"style {index}": image.path for index, image in enumerate(task.styled_by.images)}
    named |= {f"region {index}": region.mask for index, region in enumerate(task.regions)}
    return {role: file_name(path) for role, path in named.items() if path}


def _tiles_record(grid: TileGrid, painted: tuple[PaintedTile, ...]) -> TilesRecord:
    return TilesRecord(
        core_px=grid.core_px,
        overlap_px=grid.overlap_px,
        halo_px=grid.halo_px,
        stride_px=grid.stride,
        columns=len(grid.columns) - 1,
        rows=len(grid.rows) - 1,
        painted=painted[:MOST],
    )


def _output_record(task: RenderTask, facts: SourceFacts, encoded: Encoded) -> OutputRecord:
    told = encoded.model_dump(exclude={"path", "warnings"})
    return OutputRecord(name=file_name(task.target), dpi=facts.dpi, **told)
