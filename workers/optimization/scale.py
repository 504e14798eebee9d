"""One optimisation on scratch: what it is made of, and how each of its scales is laid out.

`Optimization` is small and valid on every process that sees the scratch; `open_scale` gives any of them an
optimizer for its tiles.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from giornata.styles.errors import BadStylePicture
from giornata.styles.optimization.losses import LayerStatistics, LayerSums, statistics_of
from giornata.styles.optimization.objective import Objective, StyleTarget
from giornata.styles.optimization.options import WHOLE, GatysOptions, Scale, Start
from giornata.styles.optimization.tile import TileWork
from giornata.styles.perception.encoder import Encoder, Preprocessing
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.optimization.arrays import ScaleArrays
from giornata.workers.optimization.tile_optimizer import TileOptimizer
from giornata.workers.optimization.vectors import VectorRoom
from giornata.workers.tiling.arrays import read_box, reduced, silent
from giornata.workers.tiling.grid import Box, Tile, TileGrid
from giornata.workers.tiling.parallel import run_parallel

TARGETS, DONE = "targets", "done"
SMALL_CORE_PX, USUAL_CORE_PX = 256, 512
VECTORS_SHARE = 1 / 3  # of what features may take: the optimiser's vectors have that beside them
LEAST_CELLS = 4  # positions of the deepest layer that a style must have each way to be a style
CALM = 0.004  # deviation below which a picture is one colour: a level of 255
NOISE_DEVIATION = 0.15


class StyleSource(BaseModel):
    """A decoded style picture; `mask_path`, if confined, is a bool plane of the content's size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pixels_path: Path
    share: float = 1.0
    mask_path: Path | None = None


class Optimization(BaseModel):
    """Everything an optimisation depends on. `*_path` are .npy files of pixels, height x width x 3.

    Tiles have cores of `core_px`, or with `usual_cores` at most that and what is usual for their scale.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    content_path: Path
    previous_path: Path | None = None
    styles: tuple[StyleSource, ...]
    options: GatysOptions
    scales: tuple[Scale, ...]
    core_px: int
    usual_cores: bool = False
    encoder: str
    preprocessing: Preprocessing | None = None
    device: str = "cpu"
    memory_bytes: int = 1 << 30

    def loaded_encoder(self) -> Encoder:
        """The encoder, on the device, checked to reach every layer. Raises `BadEncoder`, `UnknownLayer`."""
        choice = EncoderChoice(self.encoder, self.options.pooling, self.preprocessing)
        encoder = load_encoder(choice).to(self.device)
        encoder.check(self.options.layers)
        return encoder

    def scale_folder(self, index: int) -> Path:
        """The folder of a scale."""
        return self.folder / f"scale-{index:02d}"

    def grid(self, index: int, encoder: Encoder) -> TileGrid:
        """The tiles of a scale: the same on every process."""
        scale = self.scales[index]
        core_px = self.core_for(scale.long_px)
        return grid_of(encoder, self.options, scale.width, scale.height, core_px=core_px)

    def core_for(self, long_px: int) -> int:
        """The core of tiles of a picture whose longer side is `long_px`."""
        return min(self.core_px, usual_core(long_px)) if self.usual_cores else self.core_px

    @property
    def tiles(self) -> int:
        """Tiles of the largest scale."""
        return len(self.grid(len(self.scales) - 1, self.loaded_encoder()))

    def finished(self) -> int:
        """How many scales are done."""
        return sum((self.scale_folder(index) / DONE).is_file() for index in range(len(self.scales)))

    def finished_picture(self, index: int) -> NDArray[np.float32]:
        """The picture of a finished scale: float32, height x width x 3, not clipped."""
        scale = self.scales[index]
        picture: NDArray[np.float32] = np.load(self.scale_folder(index) / "picture.npy", mmap_mode="r")
        return picture[: scale.height, : scale.width]


def usual_core(long_px: int) -> int:
    """The usual core of tiles of a picture: several tiles for every thread of a small machine.

    It follows from the picture alone, for another cut rounds otherwise and ends in another picture.
    """
    return SMALL_CORE_PX if long_px <= USUAL_CORE_PX else USUAL_CORE_PX


def grid_of(encoder: Encoder, options: GatysOptions, width: int, height: int, *, core_px: int) -> TileGrid:
    """Tiles whose halo makes their cores exact for all layers."""
    architecture, layers = encoder.architecture, options.layers
    stride = architecture.common_stride(layers)
    core = max(stride, core_px - core_px % stride)
    return TileGrid(width, height, core, stride, architecture.halo_px(layers), min_side=2 * stride)


def lay_out(
    work: Optimization,
    index: int,
    encoder: Encoder,
    *,
    tick: Callable[[], None] = silent,
    lanes: int = 1,
) -> None:
    """Write content, start, masks and style statistics of a scale, from nothing or from the scale before."""
    scale, grid, folder = work.scales[index], work.grid(index, encoder), work.scale_folder(index)
    content = resized(np.load(work.content_path, mmap_mode="r"), scale)
    start = _start(work, index, content)
    ScaleArrays.laid_out(folder, grid, content=content, start=start)
    for region, style in enumerate(work.styles, start=1):
        if style.mask_path is not None:
            np.save(folder / f"mask-{region}.npy", _mask(style.mask_path, scale, grid))
    targets = {}
    for region, style in enumerate(work.styles, start=1):
        statistics = style_statistics(work, style, scale, encoder, tick=tick, lanes=lanes)
        place = WHOLE if style.mask_path is None else region
        targets[str(region)] = (style.share, place, statistics)
    ScaleArrays(folder, grid).keep(TARGETS, targets)


def open_scale(
    work: Optimization,
    index: int,
    encoder: Encoder,
    *,
    checkpoint: Path | None = None,
    tick: Callable[[], None] = silent,
    lanes: int = 1,
) -> TileOptimizer:
    """The optimizer of any tiles of a scale that has been laid out."""
    grid, folder = work.grid(index, encoder), work.scale_folder(index)
    arrays = ScaleArrays(folder, grid)
    objective = Objective(work.options, _targets(arrays), _elements(work, grid, encoder), _pixels(grid))
    masks: dict[int, Tensor] = {}
    for region in objective.regions:
        if region != WHOLE:
            masks[region] = torch.from_numpy(np.load(folder / f"mask-{region}.npy"))
    return TileOptimizer(
        encoder,
        objective,
        arrays,
        memory_bytes=work.memory_bytes,
        device=work.device,
        masks=masks,
        checkpoint=checkpoint,
        tick=tick,
        room=VectorRoom(folder, work.memory_bytes * VECTORS_SHARE, work.device),
        lanes=lanes,
    )


def style_statistics(
    work: Optimization,
    style: StyleSource,
    scale: Scale,
    encoder: Encoder,
    *,
    tick: Callable[[], None] = silent,
    lanes: int = 1,
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and second moments by style layer at a scale, tile by tile. Raises `BadStylePicture`."""
    options = work.options
    if not options.wanted_style:
        return {}
    pixels = np.load(style.pixels_path, mmap_mode="r")
    least = LEAST_CELLS * encoder.architecture.common_stride(tuple(options.wanted_style))
    height, width = pixels.shape[:2]
    if min(height, width) < least:
        needed = f"at least {least}×{least} px for the layers {', '.join(options.wanted_style)}"
        raise BadStylePicture(style.name, f"{width}×{height} px", needed)
    long_px = max(options.style_scale * scale.long_px, least * max(height, width) / min(height, width))
    small = reduced(pixels, min(round(long_px), max(height, width)))
    if float(small.std(axis=(0, 1)).max()) < CALM:
        raise BadStylePicture(style.name, "one colour all over", "a picture with something in it")
    stride = encoder.architecture.common_stride(options.layers)
    height, width = (max(stride, side - side % stride) for side in small.shape[:2])
    grid = grid_of(encoder, options, width, height, core_px=work.core_for(max(width, height)))
    total: dict[str, LayerSums] = {}

    def look(tile: Tile) -> dict[str, LayerSums]:
        return _style_sums(encoder, options, small, tile, work.device)

    lanes = lanes if work.device == "cpu" else 1
    for part in run_parallel(grid, look, lanes=lanes, tick=tick):
        for layer, sums in part.items():
            total[layer] = total[layer] + sums if layer in total else sums
    statistics = {layer: statistics_of(sums) for layer, sums in total.items()}
    return {layer: (moments.mean, moments.gram) for layer, moments in statistics.items()}


def _style_sums(
    encoder: Encoder, options: GatysOptions, pixels: NDArray[np.float32], tile: Tile, device: str
) -> dict[str, LayerSums]:
    work = TileWork(encoder, options, tile.core.within(tile.input), (WHOLE,))
    piece = torch.from_numpy(np.array(read_box(pixels, tile.input), order="C")).to(device)
    return {layer: sums for (_, layer), sums in work.forward(piece).styles.items()}


def resized(pixels: NDArray[Any], scale: Scale) -> NDArray[np.float32]:
    """`pixels` at the size of a scale, by Lanczos: float32, height x width x 3, 0..1, may overshoot."""
    height, width = pixels.shape[:2]
    small = reduced(pixels, max(height, width))
    if (width, height) == (scale.width, scale.height):
        return small
    image = pyvips.Image.new_from_array(np.ascontiguousarray(small))
    sized = image.resize(scale.width / width, vscale=scale.height / height, kernel="lanczos3")
    samples = np.asarray(sized.numpy(), np.float32)
    # Rounding inside may leave a row or column too many or too few.
    return np.ascontiguousarray(read_box(samples, Box(0, 0, scale.height, scale.width)))


def _start(work: Optimization, index: int, content: NDArray[np.float32]) -> NDArray[np.float32]:
    if index > 0:
        return resized(np.ascontiguousarray(work.finished_picture(index - 1)), work.scales[index])
    if work.previous_path is not None and work.options.start is Start.PREVIOUS:
        return resized(np.load(work.previous_path, mmap_mode="r"), work.scales[index])
    if work.options.start is Start.NOISE:
        source = np.random.default_rng(work.options.seed)
        noise = source.standard_normal(content.shape, dtype=np.float32)
        return np.clip(np.float32(0.5) + np.float32(NOISE_DEVIATION) * noise, 0, 1)
    return content


def _mask(path: Path, scale: Scale, grid: TileGrid) -> NDArray[np.float32]:
    plane = np.load(path, mmap_mode="r")
    grey = np.repeat(np.asarray(plane, np.float32)[:, :, None], 3, axis=2)
    sized = np.clip(resized(grey, scale), 0, 1)
    whole = Box(0, 0, grid.padded_height, grid.padded_width)
    return np.ascontiguousarray(read_box(sized, whole)[:, :, 0])


def _targets(arrays: ScaleArrays) -> tuple[StyleTarget, ...]:
    targets = arrays.kept(TARGETS)
    whole = sum(share for share, _, _ in targets.values()) or 1.0
    return tuple(
        StyleTarget(
            share / whole, region, {layer: LayerStatistics(*moments) for layer, moments in statistics.items()}
        )
        for share, region, statistics in targets.values()
    )


def _elements(work: Optimization, grid: TileGrid, encoder: Encoder) -> dict[str, int]:
    """C·H·W by content layer."""
    counts = {}
    for layer in work.options.wanted_content:
        cells = grid.padded_height * grid.padded_width // encoder.architecture.stride(layer) ** 2
        counts[layer] = cells * encoder.architecture.find(layer).outputs
    return counts


def _pixels(grid: TileGrid) -> int:
    return 3 * grid.padded_height * grid.padded_width
