"""How one source is to be read: what its task says about pages, ranges and limits."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import Pages
from giornata.workers.limits import Limits


class Reading(BaseModel):
    """Travels to the decoding process with every request.

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
        """What `task` asks for, with the worker's own `limits` where it asks for none. Raises `BadLimits`."""
        return cls(
            pages=task.pages,
            page=task.page,
            float_range=task.float_range,
            limits=limits.overridden(task.limits),
        )
