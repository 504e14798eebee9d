"""`giornata bench blocks`: the measurement behind the CPU's block size."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from giornata.cluster.bench.batch import photograph
from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.library import Library
from giornata.styles.loader import load_feedforward

SIZES_PX = (64, 96, 128, 192, 256, 512)
REPEATS = 2  # the better of two: a busy machine only ever makes things slower


@dataclass(frozen=True)
class BlockRow:
    """Speed of one block size, and its ratio to the plain network."""

    name: str
    megapixels_per_s: float
    ratio: float


def _speed(work: Callable[[], object], pixels: int) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return pixels / best / 1e6


def measure(*, style: str, styles: str, side_px: int, threads: int) -> list[BlockRow]:
    """Plain network and every block size on one picture of side_px x side_px, same number of threads."""
    folders = (Path(styles),) if styles else ()
    loaded = load_feedforward(Library(folders), {style: 1.0})
    pixels = torch.from_numpy(photograph(0, side_px, side_px)).float() / 255
    batch = pixels.permute(2, 0, 1)[None]
    torch.set_num_threads(threads)
    with torch.inference_mode():
        plain = _speed(lambda: loaded.network(batch, loaded.weights), side_px**2)
    rows = [BlockRow("plain network", plain, 1.0)]
    torch.set_num_threads(1)
    for size in SIZES_PX:
        engine = FeedForwardEngine(loaded.network, loaded.weights, block_px=size, lanes=threads)

        def work(engine: FeedForwardEngine = engine) -> None:
            run = engine.open(pixels, (slice(0, side_px), slice(0, side_px)))
            for _ in range(engine.phases):
                run.advance(run.partial())
            run.finish()

        speed = _speed(work, side_px**2)
        rows.append(BlockRow(f"blocks of {size} px", speed, speed / plain))
    return rows
