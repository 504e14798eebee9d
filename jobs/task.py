"""`RenderTask`: one output file to make, complete in itself, as it travels to a worker."""

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.choices import DeviceChoice, EngineKind, PictureFormat, Precision, Statistics

# What does not change the pixels stays out of the content key.
_NOT_CONTENT = frozenset({"item_id", "target", "style_label", "timeout_s", "device", "tile_px", "overlap_px"})


class RenderTask(BaseModel):
    """One picture in one style in one format.

    `source`, `target` and `reference` are absolute local paths. `mix` maps style names to weights that sum
    to one. `strength` walks from the picture itself (0) to the style (1) inside the network; `blend` mixes
    pixels: blend · stylised + (1 - blend) · picture. `tile_px` is the core's side, nothing leaves it to the
    device. `size` is the long side in px or (width, height), nothing keeps the source's. `format` is never
    `same`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str
    source: str
    target: str
    style_label: str
    engine: EngineKind = EngineKind.FEEDFORWARD
    mix: dict[str, float]
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    blend: Annotated[float, Field(ge=0, le=1)] = 1.0
    tile_px: int | None = None
    overlap_px: int = 64
    statistics: Statistics = Statistics.EXACT
    reference: str | None = None
    seed: int = 0
    precision: Precision = Precision.FP32
    device: DeviceChoice = DeviceChoice.AUTO
    format: PictureFormat
    quality: int = 92
    size: int | tuple[int, int] | None = None
    timeout_s: float = 3600

    def content_key(self, *, engine_version: str = "") -> str:
        """40 hexadecimal digits that are the same for tasks that ask for the same pixels of the same file.

        With exact statistics tiles do not change the picture, so the tile is not part of it.
        """
        left_out = set(_NOT_CONTENT)
        if self.statistics is Statistics.THUMBNAIL:
            left_out -= {"tile_px", "overlap_px"}
        words = self.model_dump_json(exclude=left_out) + engine_version
        return hashlib.blake2b(words.encode(), digest_size=20).hexdigest()
