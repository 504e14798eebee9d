"""One picture from source to encoded file: decode, tiles, engine, canvas, encode. The heart, in order.

`Renderer.render` walks the whole way in one process. The cluster walks the same steps with the tiles of one
large picture spread over several renderers.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from giornata.jobs.model.task import RenderTask
from giornata.styles.moments import Totals
from giornata.workers.device import pick_device
from giornata.workers.effects.effects import bare
from giornata.workers.errors import AlreadyInProgress
from giornata.workers.metadata.c2pa import give_credentials
from giornata.workers.optimization.loss_history import history_fact
from giornata.workers.rendering.cache import RECORD, keep_totals, kept_totals, reference_task, totals_key
from giornata.workers.rendering.context import RenderContext, Stopwatch
from giornata.workers.rendering.finish import Finisher
from giornata.workers.rendering.output import derivation_of, record_of, write_output, write_sidecar
from giornata.workers.rendering.paint import TileRenderer
from giornata.workers.rendering.prepare import Preparer
from giornata.workers.rendering.prepared import PreparedImage, RenderResult
from giornata.workers.rendering.quality import output_complaints, refuse
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling.canvas import tile_records
from giornata.workers.tiling.executor import exact_totals
from giornata.workers.tiling.feature_plan import FeaturePlacement, FeaturePlan


class Renderer:
    """Renders pictures one after another; belongs to one thread. Close it to end its decoding process."""

    def __init__(self, settings: RenderSettings) -> None:
        self.shop = RenderContext(settings)
        self.painter = TileRenderer(self.shop, self._totals_of_reference)
        self.preparer = Preparer(self.shop, self.painter.paint_whole)
        self.finisher = Finisher(self.shop, self.preparer, self.painter)

    def close(self) -> None:
        """End the decoding process."""
        self.shop.close()

    def render(self, task: RenderTask, target: Path) -> RenderResult:
        """Render `task` into the file `target` (an attempt's own name).

        Raises `RenderError` or `StyleError`; then nothing is left at `target`.
        """
        with self.shared(task) as master:
            if master is not None:
                return self.deliver(task, master, target)
            return self._render(task, target)

    def _render(self, task: RenderTask, target: Path) -> RenderResult:
        clock = Stopwatch()
        folder, lasting = self.preparer.workplace(task)
        try:
            prepared = self.preparer.prepare(task, folder, lasting=lasting)
            clock.lap("decode")
            totals = self.painter.paint_whole(task, prepared)
            clock.lap("style")
            rendered = self.deliver(task, prepared, target, totals=totals, clock=clock)
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except BaseException:  # stopped, not failed: what lasts is for the next start
            if not lasting:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return rendered

    @contextmanager
    def shared(self, task: RenderTask) -> Iterator[PreparedImage | None]:
        """The styled picture that another output of the same one has left; nothing when this is the first.

        Who gets nothing should make it: until the end of the `with` the others wait for it. Raises
        `Cancelled`, and `AlreadyInProgress` when several workers are making it together.
        """
        if task.siblings == 1:
            yield None
            return
        key = task.master_key()
        with self.shop.masters.turn(key, self.shop.pulse.tick) as turn, self.shop.masters.use(key) as folder:
            if folder is None:
                if self.shop.masters.is_handed_out(key, task.item_id):
                    raise AlreadyInProgress(task.source)
                yield None
                return
            turn.close()
            yield PreparedImage.model_validate_json((folder / RECORD).read_text())

    def hand_out(self, task: RenderTask, prepared: PreparedImage) -> None:
        """Have other outputs of a picture wait that several workers are about to style together."""
        if task.siblings > 1:
            self.shop.masters.hand_out(task.master_key(), task.item_id, prepared.folder)

    def _totals_of_reference(self, task: RenderTask) -> Totals:
        """Found once for all pictures of this session that borrow them: they have one mapping."""
        shelf, key = self.shop.settings.scratch / "totals", totals_key(task)
        with self.shop.masters.turn(f"totals-{key}", self.shop.pulse.tick):
            known = kept_totals(shelf, key)
            if known is not None:
                return known
            with self.shop.folder() as folder:
                # With the brush, so that both are painted at one scale; without masks, which are not its own.
                like = bare(reference_task(task)).model_copy(update={"brush": task.brush})
                other = self.preparer.prepare(like, folder)
                desk = self.shop.desk(task, other)
                return keep_totals(shelf, key, exact_totals(desk, desk.grid))

    def deliver(
        self,
        task: RenderTask,
        prepared: PreparedImage,
        target: Path,
        *,
        totals: Totals | None = None,
        clock: Stopwatch | None = None,
    ) -> RenderResult:
        """Finish the picture, encode it to `target`, and write its record beside it if the task wants one.

        Raises `IncompleteCanvas`, `EncodeFailed`, `EffectRefused`, `QualityRefused`.
        """
        clock = clock or Stopwatch()
        shared = prepared.finished
        prepared = self.finisher.finish(task, prepared)
        task = self.shop.told(task, prepared)
        grid, working = self.shop.grid(task, prepared), prepared.working
        pixels = np.load(prepared.canvas_path, mmap_mode="r")
        clock.lap("finish")
        target.parent.mkdir(parents=True, exist_ok=True)
        handed = write_output(task, working=working, pixels=pixels, target=target)
        encoded = handed.encoded
        refuse(task.source, output_complaints(task.checks, encoded, working), target)
        clock.lap("encode")
        making = derivation_of(task, handed.source_sha256)
        told = (
            *prepared.effects.warnings,
            *_costly(prepared.keeping),
            *give_credentials(
                task, target, format=encoded.format, source_format=working.facts.format, making=making
            ),
        )
        if task.sidecar:
            record = record_of(
                task,
                handed,
                working=working,
                library=self.shop.library,
                grid=grid,
                painted=tile_records(prepared.folder / "strips") if len(grid) > 1 else (),
                totals=totals,
                device=pick_device(task.device),
                lanes=self.shop.settings.lanes,
                seconds=clock.laps,
                warnings=told,
                universal=self.shop.engines.record(task),
            )
            write_sidecar(record, target)
        return RenderResult(
            sha256=encoded.sha256,
            bytes=encoded.bytes,
            width=encoded.width,
            height=encoded.height,
            tiles=len(grid),
            core_px=prepared.core_px,
            keeping=prepared.keeping,
            warnings=(*working.facts.warnings, *told, *handed.warnings),
            facts={
                **task.outline(),
                "profile": encoded.profile or "",
                **({} if handed.quality is None else {"quality": handed.quality}),
                **(prepared.measures.model_dump() if prepared.measures else {}),
                **({"shared": 1} if shared else {}),
                **history_fact(prepared.folder),
            },
            seconds=clock.laps,
        )


def _costly(keeping: FeaturePlan) -> tuple[str, ...]:
    """What somebody who waits should know."""
    return (f"slow: {keeping.words}",) if keeping.keep is FeaturePlacement.RECOMPUTE else ()
