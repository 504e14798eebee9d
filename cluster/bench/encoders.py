"""`giornata bench encoders`: does optimising under the compact encoder please VGG-19, and how much sooner.

The judge is VGG-19 as far as its file goes: pictures made under either encoder are measured by its layers.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from giornata.cluster.bench.batch import NAMES, photograph
from giornata.styles.optimization.coordinator import Operation, Superstep
from giornata.styles.optimization.objective import LossParts
from giornata.styles.optimization.options import (
    CONTENT_LAYERS,
    STYLE_LAYERS,
    GatysOptions,
    Scale,
    ScaleGrowth,
    Start,
)
from giornata.styles.perception.encoder import Encoder, Preprocessing, random_weights
from giornata.styles.perception.vgg import VGG19
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.device import keep_freed_memory
from giornata.workers.optimization.runner import optimize
from giornata.workers.optimization.scale import USUAL_CORE_PX, Optimization, StyleSource, lay_out, open_scale

SECOND_CHOICE = "relu3_1"  # of content, where the weights end before relu4_2


@dataclass(frozen=True)
class Setting:
    """`true` and `compact` name encoders; `pairs` of a photograph and a style, `side_px` square."""

    true: str
    compact: str = "compact"
    pairs: int = 10
    side_px: int = 256
    steps: int = 60
    threads: int = 1


@dataclass(frozen=True)
class Row:
    """One pair. Style losses are VGG-19's own, of what each encoder made, as a share of the photograph's.

    `apart` is the mean difference of the two pictures, in levels of 255.
    """

    content: str
    style: str
    left_by_true: float
    left_by_compact: float
    apart: float
    true_s: float
    compact_s: float


@dataclass(frozen=True)
class Comparison:
    """`agreement` is the rank correlation of both encoders' style distances between all photographs.

    `whole_speed` is how many times faster a pass forward and back is through all of the default layers, which
    the judge's weights need not reach: for that VGG-19 has weights drawn at random.
    """

    layers: tuple[str, ...]
    rows: tuple[Row, ...]
    agreement: float
    whole_speed: float

    @property
    def speed(self) -> float:
        """How many times faster a step is under the compact encoder, of the layers that both reach."""
        return float(np.median([row.true_s / row.compact_s for row in self.rows]))


def measure(setting: Setting) -> Comparison:
    """All pairs, one after another. Raises `BadEncoder`."""
    keep_freed_memory()
    true, compact = (load_encoder(EncoderChoice(name)) for name in (setting.true, setting.compact))
    options = options_for(true, compact, setting.steps)
    with tempfile.TemporaryDirectory(prefix="giornata-bench-") as place:
        pictures = Path(place)
        for number, name in enumerate(NAMES):
            np.save(pictures / f"{name}.npy", photograph(number, setting.side_px, setting.side_px))
        rows = tuple(
            _row(setting, options, pictures, content, style) for content, style in pairs_of(setting.pairs)
        )
        distances = [
            [
                _loss(_work(setting, options, pictures, name, *pair), pictures / f"{pair[0]}.npy").style
                for pair in combinations(NAMES, 2)
            ]
            for name in (setting.true, setting.compact)
        ]
        agreement = float(spearmanr(*distances).statistic)
        drawn = Encoder(VGG19, random_weights(VGG19, seed=0), preprocessing=Preprocessing.CAFFE)
        whole = [pass_s(encoder, setting.side_px) for encoder in (drawn, compact)]
    return Comparison(options.layers, rows, agreement, whole[0] / whole[1])


def pairs_of(count: int) -> list[tuple[str, str]]:
    """`count` different pairs of photographs, every one of them in turn as content."""
    every = [
        (name, NAMES[(i + by) % len(NAMES)]) for by in range(1, len(NAMES)) for i, name in enumerate(NAMES)
    ]
    return every[:count]


def options_for(true: Encoder, compact: Encoder, steps: int) -> GatysOptions:
    """The default layers that both encoders reach."""
    both = set(true.layers) & set(compact.layers)
    content = {layer: 1.0 for layer in CONTENT_LAYERS if layer in both} or {SECOND_CHOICE: 1.0}
    style = {layer: weight for layer, weight in STYLE_LAYERS.items() if layer in both}
    return GatysOptions(content_layers=content, style_layers=style, growth=ScaleGrowth.NONE, steps=steps)


def pass_s(encoder: Encoder, side_px: int, *, times: int = 5) -> float:
    """Seconds of a pass forward and back through all default layers: the median of `times` after a first."""
    layers = GatysOptions().layers
    pixels = torch.rand(1, 3, side_px, side_px, requires_grad=True)
    spent = []
    for _ in range(times + 1):
        at = time.perf_counter()
        sum(features.square().mean() for features in encoder(pixels, layers).values()).backward()
        spent.append(time.perf_counter() - at)
    return float(np.median(spent[1:]))


def _row(setting: Setting, options: GatysOptions, pictures: Path, content: str, style: str) -> Row:
    judge = _work(setting, options, pictures, setting.true, content, style)
    start = _loss(judge, pictures / f"{content}.npy").style
    outputs, left, seconds = [], [], []
    for name in (setting.true, setting.compact):
        work = _work(setting, options, pictures, name, content, style)
        seconds.append(_step_s(work, setting.threads))
        outputs.append(np.clip(work.finished_picture(0), 0, 1))
        path = work.folder / "made.npy"
        np.save(path, outputs[-1])
        left.append(_loss(judge, path).style / start)
    apart = 255 * float(np.abs(outputs[0] - outputs[1]).mean())
    return Row(content, style, left[0], left[1], apart, seconds[0], seconds[1])


def _work(
    setting: Setting, options: GatysOptions, pictures: Path, encoder: str, content: str, style: str
) -> Optimization:
    side = setting.side_px
    return Optimization(
        folder=Path(tempfile.mkdtemp(dir=pictures)),
        content_path=pictures / f"{content}.npy",
        styles=(StyleSource(name=style, pixels_path=pictures / f"{style}.npy"),),
        options=options,
        scales=(Scale(side, side, options.steps),),
        core_px=USUAL_CORE_PX,
        usual_cores=True,
        encoder=encoder,
        memory_bytes=4 << 30,
    )


def _step_s(work: Optimization, lanes: int) -> float:
    """Optimise to the end; seconds of a step, without what comes before the first."""
    times: list[float] = []
    for _ in optimize(work, lanes=lanes):
        times.append(time.perf_counter())
    return (times[-2] - times[0]) / max(1, len(times) - 2)


def _loss(work: Optimization, picture: Path) -> LossParts:
    """The loss parts of a picture under the encoder of `work`."""
    start = {"options": work.options.model_copy(update={"start": Start.PREVIOUS}), "previous_path": picture}
    fresh = Path(tempfile.mkdtemp(dir=work.folder))
    judged = work.model_copy(update={**start, "folder": fresh})
    encoder = judged.loaded_encoder()
    lay_out(judged, 0, encoder)
    optimizer = open_scale(judged, 0, encoder)
    every: Sequence[int] = range(len(optimizer.arrays.grid))
    optimizer.run(Superstep(Operation.FORWARD), every)
    parts = optimizer.run(Superstep(Operation.REDUCE), every)
    assert isinstance(parts, LossParts)  # noqa: S101 - as EVALUATE answers
    return parts
