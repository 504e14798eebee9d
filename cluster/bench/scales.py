"""`giornata bench scales`: what several scales take to reach the loss that one scale reaches in some steps.

The last of the scales minimises the very loss that the one scale does: same size, same layers, same style.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giornata.cluster.bench.batch import photograph
from giornata.styles.optimization.options import GatysOptions, ScaleGrowth, scales_of
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.device import keep_freed_memory
from giornata.workers.optimization.runner import optimize
from giornata.workers.optimization.scale import LEAST_CELLS, USUAL_CORE_PX, Optimization, StyleSource


@dataclass(frozen=True)
class Setting:
    """A square picture of `side_px`; one scale does `steps` steps, the smallest of several `first_steps`."""

    side_px: int = 1024
    steps: int = 100
    first_steps: int = 100
    smallest_px: int = 128
    growth: ScaleGrowth = ScaleGrowth.DYADIC
    encoder: str = "compact"
    threads: int = 1
    core_px: int = USUAL_CORE_PX
    memory_mb: int = 4096


@dataclass(frozen=True)
class Row:
    """One way: its sizes and steps done, the loss it reached, and the seconds it took."""

    way: str
    sizes: str
    steps: str
    loss: float
    seconds: float
    share: float = 1.0


@dataclass(frozen=True)
class _Moment:
    """A step of a run: at which scale, the loss after it, seconds since the start."""

    scale: int
    step: int
    loss: float
    at_s: float


def measure(setting: Setting) -> list[Row]:
    """One scale, then several until they are no worse; the last row says whether they ever were."""
    keep_freed_memory()
    with tempfile.TemporaryDirectory(prefix="giornata-bench-") as place:
        single = _work(setting, Path(place) / "one", several=False)
        alone = list(_moments(single, setting.threads))[-1]
        several = _work(setting, Path(place) / "several", several=True)
        last, run = len(several.scales), []
        for moment in _moments(several, setting.threads):
            run.append(moment)
            if moment.scale == last and moment.loss <= alone.loss:
                break
    reached = run[-1]
    way = "several scales" if reached.loss <= alone.loss else "several scales, not as far"
    done = [max(at.step for at in run if at.scale == scale) for scale in range(1, reached.scale + 1)]
    return [
        Row("one scale", str(setting.side_px), str(alone.step), alone.loss, alone.at_s),
        Row(
            way,
            " ".join(str(scale.long_px) for scale in several.scales),
            " ".join(map(str, done)),
            reached.loss,
            reached.at_s,
            reached.at_s / alone.at_s,
        ),
    ]


def _moments(work: Optimization, lanes: int) -> Iterator[_Moment]:
    started = time.perf_counter()
    for progress in optimize(work, lanes=lanes):
        spent = time.perf_counter() - started
        yield _Moment(progress.scale, progress.step, progress.loss.total, spent)


def _work(setting: Setting, folder: Path, *, several: bool) -> Optimization:
    folder.mkdir(parents=True)
    side = setting.side_px
    np.save(folder / "content.npy", photograph(0, side, side))
    np.save(folder / "style.npy", photograph(5, side, side))
    options = GatysOptions(
        growth=setting.growth if several else ScaleGrowth.NONE,
        steps=setting.first_steps if several else setting.steps,
        smallest_px=setting.smallest_px,
    )
    encoder = load_encoder(EncoderChoice(setting.encoder))
    least_px = LEAST_CELLS * encoder.architecture.common_stride(options.layers)
    scales = scales_of(side, side, options, least_px=least_px)
    if several:  # the last may go on until it is there
        scales = (*scales[:-1], type(scales[-1])(side, side, setting.steps))
    return Optimization(
        folder=folder,
        content_path=folder / "content.npy",
        styles=(StyleSource(name="style", pixels_path=folder / "style.npy"),),
        options=options,
        scales=scales,
        core_px=setting.core_px,
        usual_cores=True,
        encoder=setting.encoder,
        memory_bytes=setting.memory_mb << 20,
    )
