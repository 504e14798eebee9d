"""`giornata bench optimize`: what a step of the optimisation engine costs by size, tile, workers and encoder.

Every row has fresh workers, Ray actors like those of a batch, so that its peak memory is its own.

The actor of `giornata bench optimize`: an easel in a process of its own, and the memory it has held.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from giornata.cluster.batch.session import ROOMY_HEAP, WORKER_ENVIRONMENT
from giornata.cluster.bench.batch import photograph
from giornata.cluster.ray_runtime.actors import ActorFactory, OutcomeKind, call, fetch, kill
from giornata.cluster.ray_runtime.runtime import Runtime
from giornata.cluster.settings import ClusterSettings
from giornata.styles.optimization.coordinator import Coordinator, Operation, Superstep
from giornata.styles.optimization.options import GatysOptions, Scale, ScaleGrowth
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.workers.device import keep_freed_memory
from giornata.workers.optimization.runner import run_supersteps
from giornata.workers.optimization.scale import Optimization, StyleSource, grid_of, lay_out, open_scale
from giornata.workers.optimization.tile_optimizer import TileOptimizer


class BenchEasel:
    """Runs inside a Ray actor."""

    def __init__(self, work: str, threads: int) -> None:
        keep_freed_memory()
        self.threads, self.work = threads, Optimization.model_validate_json(work)
        self.encoder = self.work.loaded_encoder()
        self._optimizer: TileOptimizer | None = None

    def lay_out(self) -> int:
        """Write down the only scale; how many tiles it has."""
        lay_out(self.work, 0, self.encoder)
        return len(self.work.grid(0, self.encoder))

    def run(self, superstep: Superstep, tiles: tuple[int, ...]) -> Any:
        """One round on these tiles, as a render actor plays it."""
        if self._optimizer is None:
            self._optimizer = open_scale(self.work, 0, self.encoder, lanes=self.threads)
        return self._optimizer.run(superstep, tiles)

    def peak_mb(self) -> float:
        """The most memory of this process so far, torch's own included."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


STYLE_PX = 512
VECTORS = 32  # of the picture's size: L-BFGS's ten steps and changes, and what is made of them


@dataclass(frozen=True)
class Setting:
    """What is measured: a square picture of `side_px` in tiles of `core_px`, `steps` steps after a first.

    Each of `workers` has `memory_mb` for features.
    """

    side_px: int
    core_px: int
    workers: int = 1
    encoder: str = "compact"
    threads: int = 1
    steps: int = 2
    memory_mb: int = 4096

    @property
    def is_whole(self) -> bool:
        """Whether the picture is one tile."""
        return self.core_px >= self.side_px


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `peak_mb` is that of the worker that took most, with some 400 MB of torch's own. `halos` is what tiling
    multiplies the arithmetic with: the areas of tiles with their halos over those without. `slower` is by
    the clock, against the whole picture on one worker (None where that was not measured); `faster` is
    against one worker with the same tiles.
    """

    side_px: int
    core_px: int
    tiles: int
    workers: int
    seconds_per_step: float
    peak_mb: float
    halos: float
    slower: float | None = None
    faster: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows, and the wholes that were left out because they do not fit the memory, in words."""

    rows: tuple[Row, ...]
    left_out: tuple[str, ...]


def settings_of(sizes: Sequence[int], counts: Sequence[int], like: Setting) -> list[Setting]:
    """Each size whole on one worker, and in tiles on every number of workers."""
    settings = []
    for side in sizes:
        settings.append(replace(like, side_px=side, core_px=side, workers=1))
        if like.core_px < side:
            settings += [replace(like, side_px=side, workers=count) for count in counts]
    return settings


def needed_mb(setting: Setting) -> float:
    """About the MB of features and vectors of a picture in one tile; tiles keep to their memory limit."""
    encoder = load_encoder(EncoderChoice(setting.encoder))
    weight = encoder.architecture.bytes_per_px(GatysOptions().layers, 4) + VECTORS * 12
    return weight * setting.side_px**2 / (1 << 20)


def measure(
    settings: Sequence[Setting],
    *,
    folder: Path | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Table:
    """Rows one after another on a Ray of their own, each told when it is there. Raises `ClusterError`."""
    rows: list[Row] = []
    left_out: list[str] = []
    most = max(setting.workers for setting in settings)
    with tempfile.TemporaryDirectory(prefix="giornata-bench-", dir=folder) as place:
        cluster = ClusterSettings(
            workers=most, threads_per_worker=settings[0].threads, home=Path(place), scratch=Path(place)
        )
        with Runtime(cluster):
            for number, setting in enumerate(settings):
                needs = needed_mb(setting)
                if setting.is_whole and needs > setting.memory_mb:
                    left_out.append(
                        f"{setting.side_px} px whole: needed about {needs:.0f} MB, got {setting.memory_mb}"
                    )
                    continue
                rows.append(compared(run_one(setting, Path(place) / str(number)), rows))
                on_row(rows[-1])
    return Table(tuple(rows), tuple(left_out))


def compared(row: Row, before: Sequence[Row]) -> Row:
    """The row with its ratios to those that were measured before."""
    same = [other for other in before if other.side_px == row.side_px and other.workers == 1]
    whole = next((other for other in same if other.tiles == 1), None)
    alone = next((other for other in same if other.core_px == row.core_px), None)
    return replace(
        row,
        slower=row.seconds_per_step / whole.seconds_per_step if whole and row.workers == 1 else None,
        faster=alone.seconds_per_step / row.seconds_per_step if alone else None,
    )


def run_one(setting: Setting, folder: Path) -> Row:
    """One row's work on actors of its own; Ray must be up."""
    work = _work(setting, folder)
    factory = ActorFactory(
        BenchEasel,
        num_cpus=setting.threads,
        prefix="bench",
        args=(work.model_dump_json(), setting.threads),
        environment=WORKER_ENVIRONMENT | ROOMY_HEAP,
    )
    actors = [factory(f"bench-{folder.name}-{i}") for i in range(setting.workers)]
    try:
        tiles = answers([call(actors[0], "lay_out", ())])[0]
        count = min(len(actors), tiles)
        cuts = [tiles * i // count for i in range(count + 1)]
        groups = [tuple(range(a, b)) for a, b in pairwise(cuts)]
        seconds = list(_steps(work, actors, groups))
        peak_mb = max(answers([call(actor, "peak_mb", ()) for actor in actors[:count]]))
    finally:
        for actor in actors:
            kill(actor)
    return Row(
        setting.side_px,
        setting.core_px,
        tiles,
        setting.workers,
        # The first step also looks at the content.
        float(np.mean(seconds[1:])),
        peak_mb,
        halos_of(setting),
    )


def answers(references: Sequence[Any]) -> list[Any]:
    """The values behind references, all of them waited for. Raises what a call raised."""
    replies = [fetch(reference) for reference in references]
    for answer in replies:
        if answer.kind is not OutcomeKind.OK and answer.error is not None:
            raise answer.error
    return [answer.value for answer in replies]


def _work(setting: Setting, folder: Path) -> Optimization:
    folder.mkdir(parents=True)
    np.save(folder / "content.npy", photograph(0, setting.side_px, setting.side_px))
    np.save(folder / "style.npy", photograph(1, STYLE_PX, STYLE_PX))
    return Optimization(
        folder=folder,
        content_path=folder / "content.npy",
        styles=(StyleSource(name="style", pixels_path=folder / "style.npy"),),
        options=GatysOptions(growth=ScaleGrowth.NONE, steps=setting.steps + 1),
        scales=(Scale(setting.side_px, setting.side_px, setting.steps + 1),),
        core_px=setting.core_px,
        encoder=setting.encoder,
        memory_bytes=setting.memory_mb << 20,
    )


def _steps(work: Optimization, actors: Sequence[Any], groups: Sequence[tuple[int, ...]]) -> Iterator[float]:
    """Seconds of every step, the coordinator in this process and the tiles in the actors."""

    def run(superstep: Superstep) -> Any:
        if superstep.verb is Operation.REDUCE:
            return answers([call(actors[0], "run", (superstep, ()))])[0]
        parts = answers([call(actor, "run", (superstep, group)) for actor, group in zip(actors, groups)])  # noqa: B905
        if superstep.verb is Operation.DOT:
            return {index: products for part in parts for index, products in part.items()}
        return None

    at = time.perf_counter()
    for _ in run_supersteps(Coordinator(work.options, steps=work.scales[0].steps), run):
        now = time.perf_counter()
        yield now - at
        at = now


def halos_of(setting: Setting) -> float:
    """Pixels of all tiles with their halos over those of the picture."""
    encoder = load_encoder(EncoderChoice(setting.encoder))
    side = setting.side_px
    grid = grid_of(encoder, GatysOptions(), side, side, core_px=setting.core_px)
    areas = sum(tile.input.height * tile.input.width for tile in grid)
    return areas / (grid.padded_height * grid.padded_width)
