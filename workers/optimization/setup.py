"""From a task to an optimisation and back: pictures decoded, options read, the result on the canvas."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from giornata.atomic_file import atomic_write
from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.engine import Core, TileRun, TileSnapshot
from giornata.styles.errors import BadStatistics
from giornata.styles.optimization.options import GatysOptions, scales_of
from giornata.styles.perception.encoder import Encoder
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.masks import read_mask
from giornata.workers.errors import EffectRefused
from giornata.workers.optimization.scale import LEAST_CELLS, USUAL_CORE_PX, Optimization, StyleSource
from giornata.workers.tiling.arrays import read_box
from giornata.workers.tiling.canvas import Canvas
from giornata.workers.tiling.grid import TileGrid

RECORD = "optimisation.json"
CORES_PX = (USUAL_CORE_PX, 256, 128)
PIXEL_BYTES = 12


@dataclass(frozen=True)
class NullEngine:
    """An engine without phases, for the canvas of a picture that comes whole from an optimisation."""

    stride: int = 16
    halo_px: int = 0
    min_side: int = 1
    phases: int = 0
    bytes_per_px: int = PIXEL_BYTES

    def open(self, pixels: torch.Tensor, core: Core) -> TileRun:
        """Never: there is nothing to exchange."""
        raise BadStatistics("a tile of an optimisation", "an engine with phases")

    def thaw(self, frozen: TileSnapshot, height: int, core: Core) -> TileRun:
        """Never, as `open`."""
        raise BadStatistics("a frozen tile of an optimisation", "an engine with phases")

    def frozen_bytes_per_px(self, phase: int) -> float:
        """Nothing is frozen."""
        return 0.0

    def work_per_px(self, phase: int) -> float:
        """The work is elsewhere."""
        return 0.0

    def thawing_per_px(self, phase: int) -> float:
        """Nothing is thawed."""
        return 0.0


@dataclass(frozen=True)
class OptimizationResources:
    """What one process has for an optimisation: where to decode, how much memory, on which device."""

    sandbox: Sandbox
    memory_bytes: int
    device: str = "cpu"
    tick: Callable[[], None] = field(default=lambda: None)


def refuse_effects(task: RenderTask) -> None:
    """Raise `EffectRefused` when an optimisation is asked for what only a network of strokes can do."""
    if task.engine is not EngineKind.OPTIMIZATION:
        return
    for name, superstep in (("brush", task.brush), ("fidelity", task.min_ssim), ("regions", task.regions)):
        if superstep:
            raise EffectRefused(name, f"engine {task.engine}", "another engine, or to leave it out")


def optimization_options(task: RenderTask) -> GatysOptions:
    """The engine's options of a task; less strength is less β. Raises `BadOptions`."""
    settings = _told(task).settings
    options = GatysOptions.model_validate({"seed": task.seed % 2**32, **settings})
    options = options.model_copy(update={"beta": options.beta * task.strength})
    options.check()
    return options


def _told(task: RenderTask) -> TaskOptimise:
    if task.optimise is None:
        raise EffectRefused("styling", f"engine {task.engine} without a style picture", "optimise.images")
    return task.optimise


def create_optimization(
    task: RenderTask, painting: DecodedImage, folder: Path, resources: OptimizationResources
) -> Optimization:
    """Decode the style pictures and write down all of the optimisation of `painting` in `folder`, once.

    Raises `BadOptions`, `BadEncoder`, `UnknownLayer`, and what decoding raises.
    """
    record = folder / RECORD
    if record.is_file():
        return Optimization.model_validate_json(record.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    request, options = _told(task), optimization_options(task)
    encoder = load_encoder(EncoderChoice(request.encoder, options.pooling))
    encoder.check(options.layers)
    stride = encoder.architecture.common_stride(options.layers)
    size = (painting.width, painting.height)
    previous = resources.sandbox.decode(request.previous, folder / "previous") if request.previous else None
    work = Optimization(
        folder=folder,
        content_path=painting.pixels_path,
        previous_path=previous.pixels_path if previous else None,
        styles=tuple(_styles(task, painting, folder, resources)),
        options=options,
        scales=scales_of(*size, options, least_px=LEAST_CELLS * stride),
        core_px=task.tile_px or fitting_core(encoder, options, resources.memory_bytes),
        usual_cores=task.tile_px is None,
        encoder=request.encoder,
        device=resources.device,
        memory_bytes=resources.memory_bytes,
    )
    with atomic_write(record) as part:
        part.write_text(work.model_dump_json())
    return work


def _styles(
    task: RenderTask, painting: DecodedImage, folder: Path, resources: OptimizationResources
) -> Iterator[StyleSource]:
    for index, image in enumerate(_told(task).images):
        decoded = resources.sandbox.decode(image.path, folder / f"style-{index:02d}")
        mask = folder / f"mask-{index:02d}.npy" if image.mask else None
        if image.mask and mask:
            read_mask(image.mask, (painting.height, painting.width), sandbox=resources.sandbox, target=mask)
        resources.tick()
        name = Path(image.path).name
        yield StyleSource(name=name, pixels_path=decoded.pixels_path, share=image.share, mask_path=mask)


def fitting_core(encoder: Encoder, options: GatysOptions, memory_bytes: int) -> int:
    """The usual core, or the largest smaller one whose features fit `memory_bytes`."""
    architecture, layers = encoder.architecture, options.layers
    weight, halo = architecture.bytes_per_px(layers, 4), architecture.halo_px(layers)
    return next(
        (core for core in CORES_PX if (core + 2 * halo) ** 2 * weight <= memory_bytes),
        CORES_PX[-1],
    )


def write_to_canvas(
    picture: NDArray[np.float32], canvas: Canvas, grid: TileGrid, pixels: NDArray[Any], *, blend: float
) -> None:
    """Put the optimised picture (float, height x width x 3) on the canvas, mixed with the source."""
    for tile in grid:
        if canvas.holds(tile):
            continue
        styled = np.clip(read_box(picture, tile.reach), 0, 1)
        if blend < 1:
            styled = np.float32(blend) * styled + np.float32(1 - blend) * read_box(pixels, tile.reach)
        canvas.add(tile, styled)
