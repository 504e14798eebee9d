"""The record of how an output was made, `<target>.provenance.json`: its model, and its builder.

Its form is `provenance.schema.json`, which is published with the package and made from the models here.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pyvips
import torch
from pydantic import BaseModel, ConfigDict, Field

from giornata import __version__
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import Statistics
from giornata.styles.library import Library, LibraryEntry
from giornata.styles.moments import Totals
from giornata.workers.encoding.encode import Encoded
from giornata.workers.source import SourceFacts
from giornata.workers.tiling.canvas import MOST, PaintedTile
from giornata.workers.tiling.grid import TileGrid

SCHEMA_PATH = Path(__file__).resolve().parent / "provenance.schema.json"
SHA256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRecord(_Record):
    """The picture that was read; `facts` are what its header said, without its path."""

    name: str
    sha256: str = SHA256
    bytes: int
    facts: dict[str, Any]


class StyleRecord(_Record):
    """One style of the mix, and the weights it was rendered with. `region` counts masks, from 0."""

    name: str
    weight: float
    region: int | None = None
    strength: float
    engine: str
    licence: str
    trained_on: str
    recipe: str
    artwork: dict[str, str]
    card_sha256: str = SHA256
    weights: str
    weights_sha256: str = SHA256


class StyleImageRecord(_Record):
    """A picture that a style was taken from, and its share among several."""

    name: str
    sha256: str = SHA256
    share: float


class UniversalRecord(_Record):
    """What the universal engine worked with; `images` where the style has no name.

    `size_px` is the short side that images were read at.
    """

    network_sha256: str = SHA256
    images: tuple[StyleImageRecord, ...] = ()
    size_px: int | None = None
    levels: int
    structure: float
    transform: str


class TilesRecord(_Record):
    """The tile plan, in px."""

    core_px: int
    overlap_px: int
    halo_px: int
    stride_px: int
    columns: int
    rows: int
    painted: tuple[PaintedTile, ...] = ()  # where it is a large picture that was painted for this output


class StatisticsRecord(_Record):
    """Where the totals came from, and a hash of them: with the same totals tiles come out the same."""

    kind: Statistics
    totals_sha256: str | None = None


class SoftwareRecord(_Record):
    """Versions; `ray` only where it is installed."""

    giornata: str
    python: str
    torch: str
    libvips: str
    pyvips: str
    ray: str | None = None


class MachineRecord(_Record):
    """What computed it."""

    device: str
    dtype: str
    threads: int
    lanes: int
    system: str


class TimesRecord(_Record):
    """Wall time, UTC in ISO 8601, and seconds by step."""

    finished: str
    seconds: dict[str, float]


class OutputRecord(_Record):
    """The deliverable. `sha256` of a folder is that of its files' lines "sha256  path", sorted by path."""

    name: str
    bytes: int
    sha256: str = SHA256
    format: str
    width: int
    height: int
    space: str
    sample: str
    profile: str | None
    dpi: tuple[float, float] | None


class Provenance(_Record):
    """How one output was made."""

    kind: Literal["giornata-provenance"] = "giornata-provenance"
    version: Literal[1] = 1
    source: SourceRecord
    inputs: dict[str, str] = Field(description="other files that took part: reference and masks, by role")
    styles: tuple[StyleRecord, ...]
    universal: UniversalRecord | None = None
    parameters: dict[str, Any]
    seed: int
    tiles: TilesRecord
    statistics: StatisticsRecord
    software: SoftwareRecord
    machine: MachineRecord
    times: TimesRecord
    warnings: tuple[str, ...]
    output: OutputRecord
    xmp: str | None = Field(default=None, description="the packet, where the output could not hold it")


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12) of the record."""
    document: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return document


def provenance_text(provenance: Provenance) -> str:
    """The record as JSON, checked against the published schema. Raises `jsonschema.ValidationError`."""
    document = provenance.model_dump(mode="json")
    jsonschema.validate(document, schema())
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write_provenance(provenance: Provenance, path: Path) -> None:
    """Writes the record to `path`, onto the disk. Raises `OSError`."""
    with path.open("w", encoding="utf-8") as file:
        file.write(provenance_text(provenance))
        file.flush()
        os.fsync(file.fileno())


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


def _style_record(
    shelved: LibraryEntry, weight: float, *, region: int | None, strength: float
) -> StyleRecord:
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
    header_facts = facts.model_dump(mode="json", exclude={"source", "file_bytes", "warnings"})
    return SourceRecord(
        name=file_name(facts.source), sha256=sha256, bytes=facts.file_bytes, facts=header_facts
    )


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
    facts_of_file = encoded.model_dump(exclude={"path", "warnings"})
    return OutputRecord(name=file_name(task.target), dpi=facts.dpi, **facts_of_file)
