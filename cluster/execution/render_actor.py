"""The render actor: a thin shell on `Renderer` that the pool calls for a picture or for some of its tiles.

The engine is loaded when an actor is made, and not with this file: torch's CUDA build takes 0.4 GB and two
seconds of every process that imports it, and a manager only hands out work.
"""

import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from giornata.cluster.execution.actor_metrics import measured, metrics_here
from giornata.cluster.execution.distributed_render import Spreading
from giornata.jobs.maintenance.gc import FETCHED
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import Statistics
from giornata.styles.moments import Moments, Totals
from giornata.workers.rendering import outcomes as report
from giornata.workers.rendering.heartbeat import Beat, Cancelled
from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.settings import RenderSettings
from giornata.workers.storage.input_cache import InputCache
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.uploader import Uploader

if TYPE_CHECKING:  # what these files import is heavy
    from giornata.cluster.execution.optimization_actor import EaselOrder
    from giornata.workers.optimization.scale import Optimization
    from giornata.workers.tiling.executor import TileExecutor

DESKS = 2  # pictures whose features an actor holds at once; an older one would be replayed


class RenderActor:
    """Runs inside a Ray actor. Every method is safe to call again after a lost worker."""

    def __init__(self, settings: RenderSettings, threads: int, spread: bool) -> None:
        import torch

        from giornata.cluster.execution.optimization_actor import Easels
        from giornata.workers.rendering.renderer import Renderer

        torch.set_num_threads(1)
        self.metrics = metrics_here()
        # Blocks on lanes scale better than threads inside one small convolution.
        own = {"lanes": threads, "worker": self.metrics.worker or settings.worker}
        self.renderer = Renderer(settings.model_copy(update=own))
        self.spread = spread
        places = StorageRouter(tick=self.renderer.shop.pulse.tick)
        root = settings.pictures.parent if settings.pictures else settings.scratch
        self.fetcher, self.sender = InputCache(root / FETCHED, places), Uploader(places)
        self._desks: OrderedDict[ClaimKey, TileExecutor] = OrderedDict()
        self.easels = Easels(self.renderer)

    @measured("whole")
    def render(self, claim: Claim) -> Outcome | Spreading:
        """Render a claim whole, or decode it and hand it back when it has tiles for several workers."""
        import torch

        torch.set_num_threads(1)  # a setting of the thread, and this is not the constructor's
        ended = self._attempt(claim, time.monotonic())
        if isinstance(ended, Outcome):
            self.metrics.count(ended.outcome_class)
        return ended

    def _attempt(self, claim: Claim, started: float) -> Outcome | Spreading:
        try:
            with self._at(claim), self.fetcher.naming():
                return self._render(claim, started)
        except Cancelled:
            self.sender.discard(claim)
            seconds = time.monotonic() - started
            return report.ended(claim, OutcomeClass.CANCELLED, "dropped between two tiles", seconds=seconds)
        except Exception as error:
            self.sender.discard(claim)
            return report.failed(claim, error, seconds=time.monotonic() - started)

    def control(self, dropped: tuple[ClaimKey, ...]) -> Beat:
        """Let claims go, and say how the one at hand is doing; runs on a thread beside the work."""
        self.renderer.shop.pulse.drop(dropped)
        return self.renderer.shop.pulse.beat()

    @contextmanager
    def _at(self, claim: Claim) -> Iterator[None]:
        """The claim at hand, for whoever asks."""
        self.renderer.shop.pulse.begin(claim.key)
        try:
            yield
            self.renderer.shop.pulse.check()  # dropped while the file was written: it must not stay
        finally:
            self.renderer.shop.pulse.end()

    def _render(self, claim: Claim, started: float) -> Outcome | Spreading:
        task, renderer = self.fetcher.local(claim.task), self.renderer
        with renderer.shared(task) as master, ExitStack() as cleanup:
            if master is not None:
                return self._cut(claim, task, master, started)
            folder, lasting = renderer.preparer.workplace(task)
            if not lasting:  # a lasting one goes when its item has come to its end
                cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            prepared = renderer.preparer.prepare(task, folder, lasting=lasting)
            work = renderer.painter.optimisation(task, prepared) if task.optimise else None
            tiles = work.tiles if work else len(renderer.shop.grid(task, prepared))
            # One that lasts is cut into calls even for a single worker: a call is timed, and may be lost.
            if tiles > 1 and (self.spread or lasting):
                cleanup.pop_all()  # whoever leads the spread removes the folder
                renderer.hand_out(task, prepared)
                return self._handed_back(task, prepared, tiles, work, time.monotonic() - started)
            totals = renderer.painter.paint_whole(task, prepared)
            target = self.sender.path(claim, folder)
            rendered = renderer.deliver(task, prepared, target, totals=totals)
            self.sender.send(claim, target)
        return report.delivered(claim, rendered, seconds=time.monotonic() - started)

    def _cut(self, claim: Claim, task: RenderTask, master: PreparedImage, started: float) -> Outcome:
        """Another output of a picture that is styled already."""
        with self.renderer.shop.folder() as folder:
            target = self.sender.path(claim, folder)
            rendered = self.renderer.deliver(task, master, target)
            self.sender.send(claim, target)
        return report.delivered(claim, rendered, seconds=time.monotonic() - started)

    def _handed_back(
        self,
        task: RenderTask,
        prepared: PreparedImage,
        tiles: int,
        work: "Optimization | None",
        seconds: float,
    ) -> Spreading:
        shop = self.renderer.shop
        if work is not None:
            from giornata.cluster.execution.distributed_optimization import OptimisationSpreading

            every_s = shop.settings.keep_every_s
            return OptimisationSpreading(
                prepared=prepared, tiles=tiles, seconds=seconds, optimisation=work, keep_every_s=every_s
            )
        book = shop.book(prepared)
        return Spreading(
            prepared=prepared,
            tiles=tiles,
            seconds=seconds,
            phases=shop.engine(task).phases,
            needs_totals=task.statistics is Statistics.EXACT,
            totals=book.totals() if book else (),
        )

    def borrowed(self, claim: Claim, prepared: PreparedImage) -> Totals | None:
        """Totals of a thumbnail or a reference picture."""
        with self.fetcher.naming():
            return self.renderer.painter.borrowed_totals(self.fetcher.local(claim.task), prepared)

    @measured("statistics")
    def partials(
        self, claim: Claim, prepared: PreparedImage, tiles: tuple[int, ...], totals: Totals
    ) -> dict[int, Moments]:
        """Moments of these tiles for the phase that follows `totals`. Raises `Cancelled`."""
        with self._at(claim):
            desk = self._desk(claim, prepared)
            if desk.book:
                desk.book.learn(totals)
                desk.book.look()
            return {index: desk.partial(desk.grid[index], totals) for index in tiles}

    @measured("paint")
    def paint(self, claim: Claim, prepared: PreparedImage, tiles: tuple[int, ...], totals: Totals) -> int:
        """Render these tiles into the shared canvas. Raises `Cancelled`."""
        with self._at(claim):
            desk = self._desk(claim, prepared)
            if desk.book:
                desk.book.learn(totals)
            painted = self.renderer.painter.paint(claim.task, prepared, desk, tiles, totals)
        self._desks.pop(claim.key, None)
        return painted

    def deliver(self, claim: Claim, prepared: PreparedImage, totals: Totals) -> Outcome:
        """Blend, encode to the attempt's own name and report. Raises `Cancelled`."""
        try:
            with self._at(claim), self.fetcher.naming():
                target = self.sender.path(claim, prepared.folder)
                rendered = self.renderer.deliver(
                    self.fetcher.local(claim.task), prepared, target, totals=totals
                )
                self.sender.send(claim, target)
        except Cancelled:
            self.sender.discard(claim)
            raise
        return report.delivered(claim, rendered, seconds=0.0)

    def optimise(self, claim: Claim, prepared: PreparedImage, order: "EaselOrder") -> Any:
        """One call of a spread optimisation, on tiles that stay here. Raises `Cancelled`."""
        with self._at(claim), self.fetcher.naming():
            return self.easels.do(self.fetcher.local(claim.task), prepared, order)

    def _desk(self, claim: Claim, prepared: PreparedImage) -> "TileExecutor":
        desk = self._desks.pop(claim.key, None)
        if desk is None:
            desk = self.renderer.shop.desk(self.fetcher.with_styles(claim.task), prepared)
        self._desks[claim.key] = desk
        while len(self._desks) > DESKS:
            self._desks.popitem(last=False)
        return desk
