"""The actor of `giornata bench optimize`: an easel in a process of its own, and the memory it has held."""

from pathlib import Path
from typing import Any

from giornata.styles.optimization.coordinator import Round
from giornata.workers.device import keep_freed_memory
from giornata.workers.optimization.scale import Optimisation, lay_out, open_scale
from giornata.workers.optimization.tile_optimizer import Easel


class BenchEasel:
    """Runs inside a Ray actor."""

    def __init__(self, work: str, threads: int) -> None:
        keep_freed_memory()
        self.threads, self.work = threads, Optimisation.model_validate_json(work)
        self.encoder = self.work.loaded_encoder()
        self._easel: Easel | None = None

    def lay_out(self) -> int:
        """Write down the only scale; how many tiles it has."""
        lay_out(self.work, 0, self.encoder)
        return len(self.work.grid(0, self.encoder))

    def play(self, asked: Round, tiles: tuple[int, ...]) -> Any:
        """One round on these tiles, as a render actor plays it."""
        if self._easel is None:
            self._easel = open_scale(self.work, 0, self.encoder, lanes=self.threads)
        return self._easel.play(asked, tiles)

    def peak_mb(self) -> float:
        """The most memory of this process so far, torch's own included."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
