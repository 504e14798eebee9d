"""Paints a prepared picture's tiles onto its canvas: by the phases of a network, or by optimisation."""

from collections.abc import Callable, Iterable

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import EngineKind, Statistics
from giornata.styles.moments import Totals
from giornata.workers.device import memory_errors, pick_device
from giornata.workers.optimization.runner import optimize
from giornata.workers.optimization.scale import Optimization
from giornata.workers.optimization.setup import OptimizationResources, create_optimization, write_to_canvas
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.tiling.executor import TileExecutor, exact_totals, render_tiles, thumbnail_totals


class TileRenderer:
    """`of_reference` finds the totals of the picture whose statistics a task borrows."""

    def __init__(self, shop: RenderContext, of_reference: Callable[[RenderTask], Totals]) -> None:
        self.shop, self._of_reference = shop, of_reference

    def borrowed_totals(self, task: RenderTask, prepared: PreparedImage) -> Totals | None:
        """Totals that do not come from the picture's own tiles, or None when they do (`exact`)."""
        task = self.shop.told(task, prepared)
        if task.statistics is Statistics.THUMBNAIL:
            return thumbnail_totals(self.shop.engine(task), prepared.painting.pixels)
        if task.statistics is Statistics.REFERENCE and task.reference:
            return self._of_reference(task)
        return None

    def paint(
        self,
        task: RenderTask,
        prepared: PreparedImage,
        desk: TileExecutor,
        tiles: Iterable[int],
        totals: Totals,
    ) -> int:
        """Render the tiles of these indexes into the canvas; returns how many. Raises `OutOfMemory`."""
        canvas = self.shop.canvas(prepared, desk.grid)
        effects = prepared.effects
        wanted, blend = [], effects.tile_blend(task)
        for tile in (desk.grid[index] for index in tiles):
            if effects.shows(tile.reach):
                wanted.append(tile)
            else:
                canvas.skip(tile)
        with memory_errors(prepared.core_px):
            return sum(1 for _ in render_tiles(desk, canvas, wanted, totals, blend=blend))

    def paint_whole(self, task: RenderTask, prepared: PreparedImage) -> Totals:
        """All phases and all tiles in this process; returns the totals."""
        if task.engine is EngineKind.OPTIMIZATION:
            self._optimise(task, prepared)
            return ()
        desk = self.shop.desk(task, prepared)
        with memory_errors(prepared.core_px):
            totals = self.borrowed_totals(task, prepared) or exact_totals(desk, desk.grid)
        self.paint(task, prepared, desk, range(len(desk.grid)), totals)
        return totals

    def _optimise(self, task: RenderTask, prepared: PreparedImage) -> None:
        """Style by optimisation, in this process, from the last checkpoint on."""
        work = self.optimisation(task, prepared)
        settings = self.shop.settings
        with memory_errors(work.core_px):
            for progress in optimize(
                work, tick=self.shop.pulse.tick, keep_every_s=settings.keep_every_s, lanes=settings.lanes
            ):
                self.shop.watch(progress)
        self.write_to_canvas(task, prepared, work)

    def optimisation(self, task: RenderTask, prepared: PreparedImage) -> Optimization:
        """The optimisation of a prepared picture: the same on every process."""
        studio = OptimizationResources(
            self.shop.sandbox, self.shop.settings.memory_bytes, pick_device(task.device), self.shop.pulse.tick
        )
        return create_optimization(task, prepared.painting, prepared.folder / "optimisation", studio)

    def write_to_canvas(self, task: RenderTask, prepared: PreparedImage, work: Optimization) -> None:
        """Put the picture of a finished optimisation on the canvas."""
        grid, picture = self.shop.grid(task, prepared), work.finished_picture(len(work.scales) - 1)
        canvas, blend = self.shop.canvas(prepared, grid), prepared.effects.tile_blend(task)
        write_to_canvas(picture, canvas, grid, prepared.painting.pixels, blend=blend)
