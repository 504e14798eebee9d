"""The render actor: a thin shell on `Renderer` that the pool calls for a picture or for some of its tiles.

The engine is loaded when an actor is made, and not with this file: torch's CUDA build takes 0.4 GB and two
seconds of every process that imports it, and a manager only hands out work.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giornata.cluster.execution.actor_metrics import measured, metrics_here
from giornata.cluster.execution.distributed_render import DistributedRenderStart
from giornata.jobs.maintenance.gc import FETCHED
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import Statistics
from giornata.lru_dict import LruDict
from giornata.styles.moments import Moments, Totals
from giornata.workers.rendering import outcomes as report
from giornata.workers.rendering.heartbeat import Beat, Cancelled
from giornata.workers.rendering.prepared import PaintedImage, PreparedImage, StyledImage
from giornata.workers.settings import RenderSettings
from giornata.workers.storage.input_cache import InputCache
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.uploader import Uploader

if TYPE_CHECKING:  # what these files import is heavy
    from giornata.cluster.execution.optimization_actor import ActorCommand
    from giornata.workers.optimization.scale import Optimization
    from giornata.workers.tiling.executor import TileExecutor

EXECUTORS = 2  # pictures whose features an actor holds at once; an older one would be replayed


class RenderActor:
    """Runs inside a Ray actor. Every method is safe to call again after a lost worker."""

    def __init__(self, settings: RenderSettings, threads: int, spread: bool) -> None:
        import torch

        from giornata.cluster.execution.optimization_actor import OptimizationActor
        from giornata.workers.rendering.renderer import Renderer

        torch.set_num_threads(1)
        self.metrics = metrics_here()
        # Blocks on lanes scale better than threads inside one small convolution.
        own = {"lanes": threads, "worker": self.metrics.worker or settings.worker}
        self.renderer = Renderer(settings.model_copy(update=own), managed=True)
        self.context = self.renderer.context
        self.spread = spread
        storage = StorageRouter(tick=self.context.tick)
        root = settings.pictures.parent if settings.pictures else settings.scratch
        self.inputs, self.uploader = InputCache(root / FETCHED, storage), Uploader(storage)
        self._executors: LruDict[ClaimKey, TileExecutor] = LruDict(EXECUTORS)
        self.optimizations = OptimizationActor(self.context)

    @measured("whole")
    def render(self, claim: Claim) -> Outcome | DistributedRenderStart:
        """Render a claim whole, or decode it and hand it back when it has tiles for several workers."""
        import torch

        torch.set_num_threads(1)  # a setting of the thread, and this is not the constructor's
        ended = self._attempt(claim, time.monotonic())
        if isinstance(ended, Outcome):
            self.metrics.count(ended.outcome_class)
        return ended

    def _attempt(self, claim: Claim, started: float) -> Outcome | DistributedRenderStart:
        try:
            with self._at(claim), self.inputs.naming():
                return self._render(claim, started)
        except Cancelled:
            self.uploader.discard(claim)
            seconds = time.monotonic() - started
            return report.ended(claim, OutcomeClass.CANCELLED, "dropped between two tiles", seconds=seconds)
        except Exception as error:
            self.uploader.discard(claim)
            return report.failed(claim, error, seconds=time.monotonic() - started)

    def control(self, dropped: tuple[ClaimKey, ...]) -> Beat:
        """Let claims go, and say how the one at hand is doing; runs on a thread beside the work."""
        self.context.heartbeat.drop(dropped)
        return self.context.heartbeat.beat()

    @contextmanager
    def _at(self, claim: Claim) -> Iterator[None]:
        """Mark `claim` as the one at hand in the heartbeat."""
        self.context.heartbeat.begin(claim.key)
        try:
            yield
            self.context.heartbeat.check()  # cancelled while the file was written: it must not stay
        finally:
            self.context.heartbeat.end()

    def _render(self, claim: Claim, started: float) -> Outcome | DistributedRenderStart:
        """The four steps of `Renderer`, or the first of them where several workers share the second."""
        task, renderer = self.inputs.local(claim.task), self.renderer
        with renderer.shared(task) as styled:
            if styled is not None:
                with self.context.folder() as folder:
                    return self._write(claim, task, styled, folder, started)
            with renderer.workdir(task) as workdir:
                prepared = renderer.prepare(task, workdir)
                work = renderer.optimization(task, prepared) if task.optimise else None
                tiles = work.tiles if work else len(self.context.grid(task, prepared))
                # One that lasts is cut into calls even for a single worker: a call is timed, and may be lost.
                if tiles > 1 and (self.spread or workdir.lasting):
                    workdir.keep()  # the leader of the distributed render removes the folder
                    renderer.mark_distributed(task, prepared)
                    return self._distributed(task, prepared, tiles, work, time.monotonic() - started)
                painted = renderer.paint(task, prepared)
                styled = renderer.finish(task, painted)
                return self._write(claim, task, styled, workdir.folder, started, totals=painted.totals)

    def _write(
        self,
        claim: Claim,
        task: RenderTask,
        styled: StyledImage,
        folder: Path,
        started: float,
        *,
        totals: Totals | None = None,
    ) -> Outcome:
        """Write a styled image to the attempt's own name, and report it."""
        target = self.uploader.path(claim, folder)
        result = self.renderer.write(task, styled, target, totals=totals)
        self.uploader.send(claim, target)
        return report.delivered(claim, result, seconds=time.monotonic() - started)

    def _distributed(
        self,
        task: RenderTask,
        prepared: PreparedImage,
        tiles: int,
        work: "Optimization | None",
        seconds: float,
    ) -> DistributedRenderStart:
        """What several workers need to paint a prepared image together."""
        if work is not None:
            from giornata.cluster.execution.distributed_optimization import DistributedOptimizationStart

            every_s = self.context.settings.keep_every_s
            return DistributedOptimizationStart(
                prepared=prepared, tiles=tiles, seconds=seconds, optimisation=work, keep_every_s=every_s
            )
        statistics_log = self.context.statistics_log(prepared)
        return DistributedRenderStart(
            prepared=prepared,
            tiles=tiles,
            seconds=seconds,
            phases=self.context.engine(task).phases,
            needs_totals=task.statistics is Statistics.EXACT,
            totals=statistics_log.totals() if statistics_log else (),
        )

    def borrowed(self, claim: Claim, prepared: PreparedImage) -> Totals | None:
        """Totals of a thumbnail or a reference picture."""
        with self.inputs.naming():
            return self.renderer.borrowed_totals(self.inputs.local(claim.task), prepared)

    @measured("statistics")
    def partials(
        self, claim: Claim, prepared: PreparedImage, tiles: tuple[int, ...], totals: Totals
    ) -> dict[int, Moments]:
        """Moments of these tiles for the phase that follows `totals`. Raises `Cancelled`."""
        with self._at(claim):
            executor = self._executor(claim, prepared)
            if executor.log:
                executor.log.learn(totals)
                executor.log.look()
            return {index: executor.partial(executor.grid[index], totals) for index in tiles}

    @measured("paint")
    def paint(self, claim: Claim, prepared: PreparedImage, tiles: tuple[int, ...], totals: Totals) -> int:
        """Render these tiles into the shared canvas. Raises `Cancelled`."""
        with self._at(claim):
            executor = self._executor(claim, prepared)
            if executor.log:
                executor.log.learn(totals)
            painted = self.renderer.paint_tiles(claim.task, prepared, executor, tiles, totals)
        self._executors.pop(claim.key, None)
        return painted

    def deliver(self, claim: Claim, prepared: PreparedImage, totals: Totals) -> Outcome:
        """Finish, write to the attempt's own name and report. Raises `Cancelled`."""
        try:
            with self._at(claim), self.inputs.naming():
                task, started = self.inputs.local(claim.task), time.monotonic()
                styled = self.renderer.finish(task, PaintedImage(prepared, totals))
                outcome = self._write(claim, task, styled, prepared.folder, started, totals=totals)
        except Cancelled:
            self.uploader.discard(claim)
            raise
        return outcome.model_copy(update={"seconds": 0.0})  # the whole render is timed by who leads it

    def optimise(self, claim: Claim, prepared: PreparedImage, order: "ActorCommand") -> Any:
        """One call of a distributed optimisation, on tiles that stay here. Raises `Cancelled`."""
        with self._at(claim), self.inputs.naming():
            return self.optimizations.do(self.inputs.local(claim.task), prepared, order)

    def _executor(self, claim: Claim, prepared: PreparedImage) -> "TileExecutor":
        if claim.key not in self._executors:
            task = self.inputs.with_styles(claim.task)
            self._executors[claim.key] = self.context.executor(task, prepared)
        return self._executors[claim.key]
