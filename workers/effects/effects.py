"""What must be made ready before a picture's tiles are painted, so that `finish` can apply its effects.

Masks are read, strokes sized, and the styles of regions painted beside the picture's own. What comes of it is
a small record of files in the picture's folder, valid on every process that sees the scratch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PreserveColour
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.brush import Strokes, sized_strokes, wanted_px
from giornata.workers.effects.masks import protected_plane, style_weights
from giornata.workers.effects.regions import region_labels, region_share, shows
from giornata.workers.source import Depth
from giornata.workers.tiling.grid import Box

FADE_BELOW = 0.1  # strength
TAPS_PX = 8  # how far, in coarse pixels, a fine pass looks for its own low waves


class Effects(BaseModel):
    """The effects between one style's canvas and the picture. All empty: the canvas is the picture.

    `painting` is the picture that its tiles are made of, if that is not the source. The style shows where
    `labels` are `label`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    painting: DecodedImage | None = None
    strokes: Strokes | None = None
    labels: Path | None = None
    label: int = 0
    feather_px: float = 0.0
    shares: tuple[Path, ...] = ()  # of every style that shows, the picture's own first
    canvases: tuple["RegionCanvas", ...] = ()  # of the other styles
    weights: Path | None = None  # how much style shows over the source
    warnings: tuple[str, ...] = ()

    def shows(self, box: Box) -> bool:
        """Whether this style is seen in `box` of its canvas; a tile where it is not need not be painted."""
        if self.labels is None or (self.strokes is not None and self.strokes.coarse_path is None):
            return True
        margin = self.feather_px / 2 + 1
        labels = np.load(self.labels, mmap_mode="r")
        if self.strokes is not None:
            margin += TAPS_PX * labels.shape[0] / self.strokes.height
        return shows(labels, self.label, box, margin_px=int(margin) + 1)

    def tile_blend(self, task: RenderTask) -> float:
        """The pixel blend within tiles; sized strokes are blended with the source when they are finished."""
        return pixel_blend(task) if self.strokes is None else 1.0

    def of_region(self, label: int) -> Self:
        """These effects for the style of a region, which has its own painting and strokes."""
        return self.model_copy(update={"label": label, "painting": None, "strokes": None})


class RegionCanvas(BaseModel):
    """A region's finished canvas and how its strokes were sized."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    blend: float = 1.0  # of its style's pixels, where strokes are sized
    strokes: Strokes | None = None


# A task, the picture its tiles are made of, a folder of its own, where it shows -> its finished canvas.
PaintAside = Callable[[RenderTask, DecodedImage, Path, Effects], Path]
NativePx = Callable[[RenderTask], float]


def pixel_blend(task: RenderTask) -> float:
    """Share of styled pixels in the output, the rest is the source's: `blend`, less at a strength near 0.

    An engine's own strength 0 is near the source and not the source: an identity that a network has learnt,
    an optimisation that smooths, strokes of another size. So below `FADE_BELOW` the source's pixels come in.
    """
    return task.blend * min(1.0, task.strength / FADE_BELOW)


def asked_effects(task: RenderTask) -> bool:
    """Whether the task has effects, so that its canvas is not yet the picture."""
    masked = task.masks.protect is not None or task.masks.apply is not None
    recoloured = task.preserve_colour is not PreserveColour.NONE
    held = task.palette is not None or task.brush is not None
    return masked or recoloured or held or bool(task.regions)


def canvas_depth(task: RenderTask, working: DecodedImage) -> Depth:
    """16 bits wherever samples will still be worked on, so that nothing is rounded twice."""
    return Depth.UINT16 if asked_effects(task) else working.depth


def bare(task: RenderTask) -> RenderTask:
    """The task without effects: its style alone."""
    plain = RenderTask.model_fields
    names = ("preserve_colour", "brush", "masks", "regions", "palette")
    return task.model_copy(update={name: plain[name].default for name in names})


def prepare_effects(
    task: RenderTask,
    working: DecodedImage,
    folder: Path,
    *,
    sandbox: Sandbox,
    native_px: NativePx,
    paint: PaintAside,
) -> Effects:
    """Read masks, size strokes and paint the styles of regions, in `folder`.

    Raises `EffectRefused`, `Rejected` and `Unreadable` for a mask, `ScratchFull`, and what `paint` raises.
    """
    if not asked_effects(task):
        return Effects()
    folder.mkdir(parents=True, exist_ok=True)
    effects = _with_masks(Effects(), task, working, folder, sandbox)
    if task.regions:
        effects = _with_labels(effects, task, working, folder, sandbox)
    own = _sized(task, working, folder / "own", effects, native_px, paint)
    canvases = [
        _region_canvas(task, label, working, folder / f"region-{label}", effects, native_px, paint)
        for label in range(1, len(task.regions) + 1)
    ]
    all_strokes = [own.strokes, *(canvas.strokes for canvas in canvases)]
    warnings = dict.fromkeys(warning for strokes in all_strokes if strokes for warning in strokes.warnings)
    return own.model_copy(update={"canvases": tuple(canvases), "warnings": (*effects.warnings, *warnings)})


def _with_masks(
    effects: Effects, task: RenderTask, working: DecodedImage, folder: Path, sandbox: Sandbox
) -> Effects:
    size, drawn = (working.height, working.width), (working.facts.height, working.facts.width)
    mask = protected_plane(task.masks, size, sandbox=sandbox, folder=folder, drawn=drawn, crop=task.crop)
    if mask is None:
        return effects
    style_weights(mask.inside, feather_px=task.masks.feather_px, target=folder / "weights.npy")
    return effects.model_copy(update={"weights": folder / "weights.npy", "warnings": mask.warnings})


def _with_labels(
    effects: Effects, task: RenderTask, working: DecodedImage, folder: Path, sandbox: Sandbox
) -> Effects:
    size, drawn = (working.height, working.width), (working.facts.height, working.facts.width)
    labels, warnings = region_labels(
        task.regions, size, sandbox=sandbox, folder=folder, drawn=drawn, crop=task.crop
    )
    feather_px = task.masks.feather_px
    shares = [folder / f"share-{label}.npy" for label in range(len(task.regions) + 1)]
    for label, target in enumerate(shares):
        region_share(labels, label, feather_px=feather_px, target=target)
    changed = {
        "labels": folder / "labels.npy",
        "feather_px": feather_px,
        "shares": tuple(shares),
        "warnings": (*effects.warnings, *warnings),
    }
    return effects.model_copy(update=changed)


def _sized(
    task: RenderTask,
    working: DecodedImage,
    folder: Path,
    effects: Effects,
    native_px: NativePx,
    paint: PaintAside,
) -> Effects:
    """The effects of one style, with its strokes sized if a brush is asked for."""
    if task.brush is None:
        return effects
    coarse_task = bare(task).model_copy(update={"blend": 1.0})
    sized = sized_strokes(
        working,
        folder,
        native_px=native_px(task),
        wanted_px=wanted_px(task, task.brush, working),
        paint=lambda picture, place: paint(coarse_task, picture, place, Effects()),
    )
    return (
        effects if sized is None else effects.model_copy(update={"painting": sized[0], "strokes": sized[1]})
    )


def _region_canvas(
    task: RenderTask,
    label: int,
    working: DecodedImage,
    folder: Path,
    effects: Effects,
    native_px: NativePx,
    paint: PaintAside,
) -> RegionCanvas:
    """Paint one region's style over the whole picture, where it shows."""
    region = task.regions[label - 1]
    styled = task.model_copy(update={"mix": region.mix, "strength": region.strength})
    own = _sized(styled, working, folder, effects.of_region(label), native_px, paint)
    path = paint(bare(styled), own.painting or working, folder / "canvas", own)
    return RegionCanvas(path=path, strokes=own.strokes, blend=pixel_blend(styled))
