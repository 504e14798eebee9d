"""The render actor: a thin shell on `Renderer` that the pool calls for a picture or for some of its tiles."""

import shutil
import time
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from giornata.jobs.choices import Statistics
from giornata.jobs.claim import Claim
from giornata.jobs.outcome import Outcome
from giornata.styles.engine import Totals
from giornata.styles.moments import Moments
from giornata.workers import report
from giornata.workers.program import TileDesk
from giornata.workers.render import Prepared, Renderer, RenderSettings

DESKS = 2  # pictures whose features an actor holds at once; an older one would be replayed


class Spreading(BaseModel):
    """A decoded picture of several tiles, handed back so that all workers can share it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prepared: Prepared
    tiles: int
    phases: int
    needs_totals: bool


class RenderActor:
    """Runs inside a Ray actor. Every method is safe to call again after a lost worker."""

    def __init__(self, settings: RenderSettings, threads: int, spread: bool) -> None:
        torch.set_num_threads(1)
        # Blocks on lanes scale better than threads inside one small convolution.
        self.renderer = Renderer(settings.model_copy(update={"lanes": threads}))
        self.spread = spread
        self._desks: OrderedDict[tuple[str, int], TileDesk] = OrderedDict()

    def render(self, claim: Claim) -> Outcome | Spreading:
        """Render a claim whole, or decode it and hand it back when it has tiles for several workers."""
        started = time.monotonic()
        try:
            return self._render(claim, started)
        except Exception as error:
            Path(claim.temporary).unlink(missing_ok=True)
            return report.failed(claim, error, seconds=time.monotonic() - started)

    def _render(self, claim: Claim, started: float) -> Outcome | Spreading:
        task, renderer = claim.task, self.renderer
        with ExitStack() as cleanup:
            folder = renderer.new_folder()
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            prepared = renderer.prepare(task, folder)
            tiles = len(renderer.grid(task, prepared))
            if self.spread and tiles > 1:
                cleanup.pop_all()  # whoever leads the spread removes the folder
                own = task.statistics is Statistics.EXACT
                phases = renderer.engine(task).phases
                return Spreading(prepared=prepared, tiles=tiles, phases=phases, needs_totals=own)
            renderer.paint_whole(task, prepared)
            rendered = renderer.deliver(task, prepared, Path(claim.temporary))
        return report.delivered(claim, rendered, seconds=time.monotonic() - started)

    def borrowed(self, claim: Claim, prepared: Prepared) -> Totals | None:
        """Totals of a thumbnail or a reference picture."""
        return self.renderer.borrowed_totals(claim.task, prepared)

    def partials(
        self, claim: Claim, prepared: Prepared, tiles: tuple[int, ...], totals: Totals
    ) -> dict[int, Moments]:
        """Moments of these tiles for the phase that follows `totals`."""
        desk = self._desk(claim, prepared)
        return {index: desk.partial(desk.grid[index], totals) for index in tiles}

    def paint(self, claim: Claim, prepared: Prepared, tiles: tuple[int, ...], totals: Totals) -> int:
        """Render these tiles into the shared canvas."""
        desk = self._desk(claim, prepared)
        painted = self.renderer.paint(claim.task, prepared, desk, tiles, totals)
        self._desks.pop(claim.key, None)
        return painted

    def deliver(self, claim: Claim, prepared: Prepared) -> Outcome:
        """Blend, encode to the attempt's own name and report."""
        rendered = self.renderer.deliver(claim.task, prepared, Path(claim.temporary))
        return report.delivered(claim, rendered, seconds=0.0)

    def _desk(self, claim: Claim, prepared: Prepared) -> TileDesk:
        desk = self._desks.pop(claim.key, None) or self.renderer.desk(claim.task, prepared)
        self._desks[claim.key] = desk
        while len(self._desks) > DESKS:
            self._desks.popitem(last=False)
        return desk
