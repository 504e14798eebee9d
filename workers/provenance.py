"""The record of how an output was made, as it lies beside it: `<target>.provenance.json`.

Its form is `provenance.schema.json`, which is published with the package and made from the models here.
"""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import jsonschema
from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.spec.enums import Statistics
from giornata.workers.painters import PaintedTile

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
    found: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return found


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
