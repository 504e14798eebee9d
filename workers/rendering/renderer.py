"""One image from source to encoded file: prepare, paint, finish, write.

`Renderer.render` walks the four steps in one process. The cluster calls the same four, with the tiles of a
large image painted by several renderers.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giornata.jobs.model.task import RenderTask
from giornata.styles.moments import Totals
from giornata.workers.device import pick_device
from giornata.workers.errors import AlreadyInProgress
from giornata.workers.metadata.c2pa import give_credentials
from giornata.workers.optimization.loss_history import history_fact
from giornata.workers.optimization.scale import Optimization
from giornata.workers.rendering import paint
from giornata.workers.rendering.cache import RECORD
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.finish import finish
from giornata.workers.rendering.output import (
    WrittenOutput,
    derivation_of,
    record_of,
    write_output,
    write_sidecar,
)
from giornata.workers.rendering.prepare import enter_workdir, prepare
from giornata.workers.rendering.prepared import PaintedImage, PreparedImage, RenderResult, StyledImage
from giornata.workers.rendering.quality import output_complaints, refuse
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling.canvas import tile_records
from giornata.workers.tiling.executor import TileExecutor
from giornata.workers.tiling.feature_plan import FeaturePlacement, FeaturePlan


@dataclass
class OpenWorkDir:
    """The folder an image is worked on in; `keep` leaves it to the process that goes on with the work."""

    folder: Path
    lasting: bool
    kept: bool = False

    def keep(self) -> None:
        """Do not remove the folder at the end of the `with`."""
        self.kept = True


class Renderer:
    """Renders images one after another; belongs to one thread. Close it to end its decoding process.

    `managed`: a lasting work directory is left to the manager, which removes it when the item is at its end.
    """

    def __init__(self, settings: RenderSettings, *, managed: bool = False) -> None:
        self.context = RenderContext(settings)
        self.managed = managed

    def close(self) -> None:
        """End the decoding process."""
        self.context.close()

    def render(self, task: RenderTask, target: Path) -> RenderResult:
        """Render `task` into the file `target` (an attempt's own name).

        Raises `RenderError` or `StyleError`; then no file is left at `target`.
        """
        with self.shared(task) as styled:
            if styled is not None:
                return self.write(task, styled, target)
            with self.workdir(task) as workdir:
                painted = self.paint(task, self.prepare(task, workdir))
                return self.write(task, self.finish(task, painted), target, totals=painted.totals)

    @contextmanager
    def workdir(self, task: RenderTask) -> Iterator[OpenWorkDir]:
        """The folder to work on `task` in: a new one, or the lasting one of an earlier start."""
        workdir = OpenWorkDir(*enter_workdir(self.context, task))
        try:
            yield workdir
        except Exception:
            workdir.kept = False
            raise
        except BaseException:  # stopped, not failed: what lasts is for the next start
            workdir.kept = workdir.lasting
            raise
        finally:
            if not (workdir.kept or (workdir.lasting and self.managed)):
                shutil.rmtree(workdir.folder, ignore_errors=True)

    def prepare(self, task: RenderTask, workdir: OpenWorkDir) -> PreparedImage:
        """Decode the source and lay out its canvas. Raises `Rejected`, `Unreadable`, `ScratchFull`."""
        started_s = time.monotonic()
        prepared = prepare(
            self.context, task, workdir.folder, paint_aside=paint.aside(self.context), lasting=workdir.lasting
        )
        return prepared.timed("decode", started_s)

    def paint(self, task: RenderTask, prepared: PreparedImage) -> PaintedImage:
        """Paint all tiles in this process. Raises `OutOfMemory`, `StyleError`."""
        started_s = time.monotonic()
        totals = paint.paint_whole(self.context, task, prepared)
        return PaintedImage(prepared.timed("style", started_s), totals)

    def borrowed_totals(self, task: RenderTask, prepared: PreparedImage) -> Totals | None:
        """See `paint.borrowed_totals`: the part of `paint` that comes before all tiles."""
        return paint.borrowed_totals(self.context, task, prepared)

    def paint_tiles(
        self,
        task: RenderTask,
        prepared: PreparedImage,
        executor: TileExecutor,
        tiles: Iterable[int],
        totals: Totals,
    ) -> int:
        """See `paint.paint_tiles`: the part of `paint` that is done by several renderers."""
        return paint.paint_tiles(self.context, task, prepared, executor, tiles, totals)

    def optimization(self, task: RenderTask, prepared: PreparedImage) -> Optimization:
        """The optimisation of a prepared image: the same on every process."""
        return paint.optimization_of(self.context, task, prepared)

    def finish(self, task: RenderTask, painted: PaintedImage) -> StyledImage:
        """Apply the effects. Raises `IncompleteCanvas`, `EffectRefused`, `QualityRefused`."""
        started_s = time.monotonic()
        styled = finish(self.context, task, painted)
        return styled.model_copy(update={"prepared": styled.prepared.timed("finish", started_s)})

    def write(
        self, task: RenderTask, styled: StyledImage, target: Path, *, totals: Totals | None = None
    ) -> RenderResult:
        """Encode the image to `target`, and write its record beside it if the task wants one.

        `totals` are the statistics that it was painted with, None where another output's render had them.
        Raises `EncodeFailed`, `Unreadable`, `EffectRefused`, `QualityRefused`.
        """
        started_s, decoded = time.monotonic(), styled.prepared.decoded
        task = styled.prepared.task_of(task)
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.load(styled.pixels_path, mmap_mode="r")
        output = write_output(task, decoded=decoded, pixels=pixels, target=target)
        refuse(task.source, output_complaints(task.checks, output.encoded, decoded), target)
        prepared = styled.prepared.timed("encode", started_s)
        warnings = (
            *prepared.effects.warnings,
            *_slow(prepared.feature_plan),
            *self._sign(task, prepared, output, target),
        )
        if task.sidecar:
            self._record(task, prepared, output, target, totals=totals, warnings=warnings)
        return _result(task, prepared, styled, output, warnings, tiles=len(self.context.grid(task, prepared)))

    def _sign(
        self, task: RenderTask, prepared: PreparedImage, output: WrittenOutput, target: Path
    ) -> tuple[str, ...]:
        """Add Content Credentials where they are asked for; returns warnings."""
        return give_credentials(
            task,
            target,
            format=output.encoded.format,
            source_format=prepared.decoded.facts.format,
            making=derivation_of(task, output.source_sha256),
        )

    def _record(
        self,
        task: RenderTask,
        prepared: PreparedImage,
        output: WrittenOutput,
        target: Path,
        *,
        totals: Totals | None,
        warnings: tuple[str, ...],
    ) -> None:
        """Write the provenance record beside `target`. Raises `EncodeFailed`."""
        context, grid = self.context, self.context.grid(task, prepared)
        record = record_of(
            task,
            output,
            decoded=prepared.decoded,
            library=context.library,
            grid=grid,
            painted=tile_records(prepared.strips) if len(grid) > 1 else (),
            totals=totals,
            device=pick_device(task.device),
            lanes=context.settings.lanes,
            seconds=prepared.seconds,
            warnings=warnings,
            universal=context.engines.record(task),
        )
        write_sidecar(record, target)

    @contextmanager
    def shared(self, task: RenderTask) -> Iterator[StyledImage | None]:
        """The styled image that another output of the same one has left; None when this is the first.

        A caller that gets None should make it: until the end of the `with` the others wait for it. Raises
        `Cancelled`, and `AlreadyInProgress` when several workers are making it together.
        """
        if task.siblings == 1:
            yield None
            return
        key, cache = task.master_key(), self.context.styled_images
        with cache.build_lock(key, self.context.tick) as build_lock, cache.use(key) as folder:
            if folder is None:
                if cache.is_distributed(key, task.item_id):
                    raise AlreadyInProgress(task.source)
                yield None
                return
            build_lock.close()
            yield StyledImage.model_validate_json((folder / RECORD).read_text())

    def mark_distributed(self, task: RenderTask, prepared: PreparedImage) -> None:
        """Have other outputs of an image wait that several workers are about to style together."""
        if task.siblings > 1:
            cache = self.context.styled_images
            cache.mark_distributed(task.master_key(), task.item_id, prepared.folder)


def _result(
    task: RenderTask,
    prepared: PreparedImage,
    styled: StyledImage,
    output: WrittenOutput,
    warnings: tuple[str, ...],
    *,
    tiles: int,
) -> RenderResult:
    encoded = output.encoded
    return RenderResult(
        sha256=encoded.sha256,
        bytes=encoded.bytes,
        width=encoded.width,
        height=encoded.height,
        tiles=tiles,
        core_px=prepared.core_px,
        feature_plan=prepared.feature_plan,
        warnings=(*prepared.decoded.facts.warnings, *warnings, *output.warnings),
        facts={
            **task.outline(),
            "profile": encoded.profile or "",
            **({} if output.quality is None else {"quality": output.quality}),
            **(styled.measures.model_dump() if styled.measures else {}),
            **({"shared": 1} if styled.shared else {}),
            **history_fact(prepared.folder),
        },
        seconds=prepared.seconds,
    )


def _slow(plan: FeaturePlan) -> tuple[str, ...]:
    """A warning about features that are computed again for every phase."""
    return (f"slow: {plan.words}",) if plan.keep is FeaturePlacement.RECOMPUTE else ()
