"""`giornata bench optimize`: what a step of the optimisation engine costs by size, tile and encoder.

Every row runs in a process of its own, so that its peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from giornata.cluster.bench.pictures import photograph
from giornata.styles.architecture import Architecture
from giornata.styles.gatys.conductor import Conductor, Round
from giornata.styles.gatys.options import GatysOptions, Growth
from giornata.styles.gatys.schedule import Scale
from giornata.workers.easel import Easel
from giornata.workers.optimisation import Optimisation, StyleSource, lay_out, open_scale
from giornata.workers.optimise import played


@dataclass(frozen=True)
class Setting:
    """What is measured: a square picture of `side_px` in tiles of `core_px`, `steps` steps after a first."""

    side_px: int
    core_px: int
    encoder: str = "compact"
    threads: int = 1
    steps: int = 2
    memory_mb: int = 4096


@dataclass(frozen=True)
class Row:
    """One line of the table. `work` is what tiling multiplies the arithmetic with: halos over cores."""

    side_px: int
    core_px: int
    tiles: int
    seconds_per_step: float
    peak_mb: float
    work: float


def halo_work(architecture: Architecture, layers: tuple[str, ...], core_px: int) -> float:
    """(core + 2·halo)² / core²: the factor of a tile with neighbours on all sides."""
    return ((core_px + 2 * architecture.halo_px(layers)) / core_px) ** 2


def run_one(setting: Setting, folder: Path) -> Row:
    """One row's work in this process."""
    torch.set_num_threads(setting.threads)
    np.save(folder / "content.npy", photograph(0, setting.side_px, setting.side_px))
    np.save(folder / "style.npy", photograph(1, 512, 512))
    options = GatysOptions(growth=Growth.NONE, steps=setting.steps + 1)
    work = Optimisation(
        folder=folder,
        content_path=folder / "content.npy",
        styles=(StyleSource(name="style", pixels_path=folder / "style.npy"),),
        options=options,
        scales=(Scale(setting.side_px, setting.side_px, setting.steps + 1),),
        core_px=setting.core_px,
        encoder=setting.encoder,
        memory_bytes=setting.memory_mb << 20,
    )
    encoder = work.loaded_encoder()
    lay_out(work, 0, encoder)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = _seconds_per_step(work, open_scale(work, 0, encoder))
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    tiles = len(work.grid(0, encoder))
    factor = halo_work(encoder.architecture, options.layers, setting.core_px) if tiles > 1 else 1.0
    return Row(setting.side_px, setting.core_px, tiles, seconds, peak_kb / 1024, factor)


def _seconds_per_step(work: Optimisation, easel: Easel) -> float:
    """Mean of all steps but the first, which also looks at the content."""
    every, times, at = range(len(easel.plates.grid)), [], 0.0

    def play(asked: Round) -> object:
        return easel.play(asked, every)

    for _ in played(Conductor(work.options, steps=work.scales[0].steps).run(), play):
        now = time.perf_counter()
        times.append(now - at)
        at = now
    return float(np.mean(times[1:]))


def measure(settings: list[Setting]) -> list[Row]:
    """Rows one after another, each in its own process."""
    rows = []
    for setting in settings:
        with tempfile.TemporaryDirectory() as scratch:
            order = json.dumps({"setting": asdict(setting), "folder": scratch})
            command = [sys.executable, "-m", "giornata.cluster.bench.optimize", order]
            told = subprocess.run(command, check=True, capture_output=True).stdout
            rows.append(Row(**json.loads(told)))
    return rows


if __name__ == "__main__":
    asked_for = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(asdict(run_one(Setting(**asked_for["setting"]), Path(asked_for["folder"])))))
