"""Finishes a painted canvas: strips blended, effects applied, measured, and left to its other outputs."""

import tempfile
from pathlib import Path

from giornata.jobs.model.task import RenderTask
from giornata.workers.checks import measure, picture_complaints, refuse
from giornata.workers.effects import Effects
from giornata.workers.fidelity import BACK, ROUNDS
from giornata.workers.finish import finish, finished_path
from giornata.workers.painting import Painter
from giornata.workers.prepared import Prepared
from giornata.workers.preparing import Preparer
from giornata.workers.workshop import Workshop


class Finisher:
    """Needs to paint again what came out less faithful than was asked."""

    def __init__(self, shop: Workshop, preparer: Preparer, painter: Painter) -> None:
        self.shop, self.preparer, self.painter = shop, preparer, painter

    def finish(self, task: RenderTask, prepared: Prepared) -> Prepared:
        """Blend the strips, apply the effects, measure; render weaker what is less faithful than was asked.

        Leaves the result to other outputs of the same picture. Raises `IncompleteCanvas`, `EffectRefused`,
        `QualityRefused`.
        """
        if prepared.finished:
            return prepared
        for _ in range(ROUNDS):
            prepared = self._finished(task, prepared)
            if not _is_too_far(task, prepared):
                break
            prepared = self._weaker(task, prepared)
        else:
            prepared = self._finished(task, prepared)
        refuse(task.source, picture_complaints(task, prepared.measures))
        if task.siblings > 1:
            self._share(task, prepared)
        return prepared

    def _finished(self, task: RenderTask, prepared: Prepared) -> Prepared:
        if prepared.finished:
            return prepared
        task, working = self.shop.told(task, prepared), prepared.working
        canvas = self.shop.canvas(prepared, self.shop.grid(task, prepared)).finish()
        place, tick = prepared.folder / "finish", self.shop.pulse.tick
        styled = finish(task, working, prepared.effects, canvas, folder=place, tick=tick)
        path = finished_path(task, place) or prepared.canvas_path
        asked = task.checks is not None or task.min_ssim is not None
        # Strokes of another size are painted on another grid, and resampled: no border of it is left.
        grid = None if prepared.effects.painting else self.shop.grid(task, prepared)
        measures = measure(styled, working.pixels, grid) if asked else None
        self.shop.pulse.tick()
        return prepared.model_copy(update={"canvas_path": path, "finished": True, "measures": measures})

    def _weaker(self, task: RenderTask, prepared: Prepared) -> Prepared:
        """The picture rendered again, here, with less strength."""
        folder = Path(tempfile.mkdtemp(prefix="weaker-", dir=prepared.folder))
        less = (prepared.strength or 0.0) * BACK
        weaker = self.preparer.with_effects(task, prepared.working, folder, strength=less)
        self.painter.paint_whole(task, weaker)
        return weaker

    def _share(self, task: RenderTask, prepared: Prepared) -> None:
        """Leave a finished picture to its other outputs."""
        working = prepared.working
        files = {"canvas.npy": prepared.canvas_path, **working.files}

        def record(folder: Path) -> str:
            place = {"folder": folder, "canvas_path": folder / "canvas.npy", "lasting": False}
            told = Effects(painting=prepared.effects.painting, warnings=prepared.effects.warnings)
            moved = {**place, "effects": told, "working": working.moved(folder)}
            return prepared.model_copy(update=moved).model_dump_json()

        self.shop.masters.keep(task.master_key(), files, record)


def _is_too_far(task: RenderTask, prepared: Prepared) -> bool:
    if task.min_ssim is None or prepared.measures is None:
        return False
    return prepared.measures.ssim < task.min_ssim
