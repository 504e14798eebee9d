"""A drawn network, pictures, and a picture painted tile by tile with nothing but the engine's contract."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from giornata.styles.engine import Core, TileRun
from giornata.styles.moments import Totals, summed
from giornata.styles.universal.engine import UniversalEngine, UniversalOptions
from giornata.styles.universal.learn import learn_statistics
from giornata.styles.universal.network import SHIPPED, STRIDE, UniversalNetwork, UniversalShape, seeded
from giornata.styles.universal.statistics import StyleStatistics

IDENTITY = "0" * 64


@cache
def network(shape: UniversalShape = SHIPPED) -> UniversalNetwork:
    """Drawn, not trained: exactness does not depend on what it has learnt."""
    return seeded(1, shape).eval().requires_grad_(False)


def picture(height: int, width: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Soft noise: float32, height x width x 3, 0..1."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.random((1, 3, height // 8 + 2, width // 8 + 2), np.float32))
    soft = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    noise = torch.from_numpy(random.random((1, 3, height, width), np.float32))
    return (0.8 * soft + 0.2 * noise)[0].permute(1, 2, 0).contiguous().numpy()


@cache
def statistics(seed: int = 5, shape: UniversalShape = SHIPPED) -> StyleStatistics:
    """Those of a small picture."""
    return learn_statistics(network(shape), picture(96, 128, seed=seed), identity=IDENTITY)


def engine(
    options: UniversalOptions | None = None, *, shape: UniversalShape = SHIPPED, **more: object
) -> UniversalEngine:
    """The drawn network with one style."""
    return UniversalEngine(
        network(shape),
        [statistics(shape=shape)],
        [1.0],
        identity=IDENTITY,
        options=options,
        **more,  # type: ignore[arg-type]
    )


def tiles_of(made: UniversalEngine, height: int, width: int, core_px: int) -> list[tuple[Core, Core]]:
    """Where each tile lies in the picture, and where its core is."""
    found, halo = [], made.halo_px
    for top in range(0, height, core_px):
        for left in range(0, width, core_px):
            rows = slice(max(0, top - halo), min(height, top + core_px + halo))
            columns = slice(max(0, left - halo), min(width, left + core_px + halo))
            core = (slice(top, min(height, top + core_px)), slice(left, min(width, left + core_px)))
            found.append(((rows, columns), core))
    return found


def painted(made: UniversalEngine, pixels: NDArray[np.float32], core_px: int) -> tuple[Tensor, Totals]:
    """The picture in tiles of `core_px`, and the totals of all phases."""
    height, width = pixels.shape[:2]
    assert height % STRIDE == width % STRIDE == core_px % STRIDE == 0
    runs: list[tuple[TileRun, Core, Core]] = []
    for reach, core in tiles_of(made, height, width, core_px):
        inside = tuple(
            slice(one.start - other.start, one.stop - other.start)
            for one, other in zip(core, reach, strict=True)
        )
        window = torch.from_numpy(np.ascontiguousarray(pixels[reach]))
        runs.append((made.open(window, (inside[0], inside[1])), core, (inside[0], inside[1])))
    totals = []
    for _ in range(made.phases):
        total = summed([run.partial() for run, _, _ in runs])
        totals.append(total)
        for run, _, _ in runs:
            run.advance(total)
    output = torch.empty(height, width, 3)
    for run, core, inside in runs:
        output[core] = run.finish()[inside]
    return output, tuple(totals)
