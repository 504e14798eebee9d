"""How one source is to be decoded, and the limits that its header is checked against first."""

import re
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import Pages
from giornata.workers.errors import BadLimits

MEGA = 1_000_000
DECODERS_MB = 64  # what the decoding process holds before it sees a picture
# How decoders say that they met `memory_mb`: some return, others end the process.
OUT_OF_MEMORY_WORDS = re.compile(
    r"out of memory|failed to allocate|insufficient memory|no space for|MemoryError|bad_alloc", re.I
)


def used_up_memory(limits: "Limits") -> str:
    """The reason for a file whose decoding met the limit and not its header."""
    return f"decoding used up its memory, the limit is {limits.memory_mb} MB (memory_mb)"


class Limits(BaseModel):
    """Limits for one source file; every one can be set per job.

    The defaults let a 1.5 gigapixel scan through and refuse what no scanner or camera writes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_file_bytes: int = Field(64 * 1024**3, gt=0)
    max_width_px: int = Field(100_000, gt=0)
    max_height_px: int = Field(100_000, gt=0)
    max_pixels: int = Field(1_500_000_000, gt=0)
    max_bands: int = Field(5, gt=0)  # CMYK and alpha
    max_pages: int = Field(1000, gt=0)  # the reduced pages of a pyramid are not counted
    max_tile_pixels: int = Field(64 * 1024**2, gt=0)  # of one TIFF tile, which is decoded in one piece
    max_metadata_bytes: int = Field(32 * 1024**2, gt=0)
    # Flat pictures compress well, but beyond this size nobody sends an empty one in good faith.
    bomb_pixels: int = Field(50 * MEGA, gt=0)
    bomb_pixels_per_byte: float = Field(2000, gt=0)
    memory_mb: int = Field(2048, ge=128)
    cpu_s: float = Field(20, gt=0)
    cpu_s_per_megapixel: float = Field(1, ge=0)  # ten times what the slowest seen decoder took
    files_per_process: int = Field(500, gt=0)  # a fresh process now and then gives leaked memory back

    def overridden(self, given: Mapping[str, float]) -> Self:
        """These limits with those that a job has set. Raises `BadLimits` for unknown names and bad values."""
        try:
            return type(self).model_validate({**self.model_dump(), **given})
        except ValidationError as error:
            wrong = error.errors()[0]
            name, value = ".".join(map(str, wrong["loc"])), wrong["input"]
            raise BadLimits(f"{name}: {value}", wrong["msg"], tuple(type(self).model_fields)) from error

    def cpu_budget_s(self, pixels: int) -> float:
        """Processor seconds that a source of so many pixels may use."""
        return self.cpu_s + self.cpu_s_per_megapixel * pixels / MEGA

    def deadline_s(self, pixels: int) -> float:
        """Wall seconds after which a source counts as hung: a busy machine gives a third of a core."""
        return 3 * self.cpu_budget_s(pixels)


class DecodeOptions(BaseModel):
    """Options of one decoding, sent to the decoding process with every request.

    `float_range` is the lowest and the highest value of samples that have no range of their own: floats and
    whole numbers of 32 bits or with a sign. `page` counts the full-size pages from 0: with `pages: all` each
    has a task of its own. Without it, `all` is refused where there is more than one. `level_px` is for what
    is only shown: the smallest level of a pyramid with a side of that length stands for its page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pages: Pages = Pages.REFUSE
    page: int | None = None
    level_px: int | None = None
    float_range: tuple[float, float] | None = None
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _range_goes_up(self) -> Self:
        if self.float_range is not None and not self.float_range[0] < self.float_range[1]:
            raise ValueError(f"got float_range {list(self.float_range)}, needed [lowest, highest]")
        return self

    @classmethod
    def of(cls, task: RenderTask, *, limits: Limits) -> Self:
        """The options of `task`, with the worker's own `limits` where it sets none. Raises `BadLimits`."""
        return cls(
            pages=task.pages,
            page=task.page,
            float_range=task.float_range,
            limits=limits.overridden(task.limits),
        )
