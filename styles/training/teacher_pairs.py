"""Photographs and what the teacher painted of them: made once, kept on disk, learnt from many times.

Pair i follows from the seed and i alone, so that several processes may make pairs for one training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from giornata.atomic_file import atomic_write
from giornata.styles.training.data import PhotoCrops, to_unit
from giornata.styles.training.painting_targets import painting_pixels
from giornata.styles.training.wct_teacher import FeatureStatistics, WctTeacher
from giornata.styles.universal.network import LEVELS

FULL_ALPHA = 0.6  # of the teacher where no structure is wished for: its paper shows 0.6 as the default
MOST_STRUCTURE = 0.5
DEEPEST_SHARE = 0.7  # of pairs that are painted from level 5; the others from level 4


@dataclass(frozen=True, eq=False)
class TeacherPair:
    """A photograph, its painted version (float32, 3 x H x W, 0..1), and what was asked of the teacher."""

    photo: Tensor
    painted: Tensor
    row: int
    deepest: int
    structure: float


class TeacherPairs:
    """A folder of pairs; those that are missing are made when they are asked for."""

    def __init__(
        self,
        folder: Path,
        teachers: Path,
        crops: PhotoCrops,
        paintings: Sequence[Path],
        *,
        sides_px: Sequence[int],
        seed: int,
    ) -> None:
        """Row r of `TeacherPair` is painting r // len(sides_px) at the short side r % len(sides_px)."""
        self.folder, self.teachers, self.crops, self.seed = folder, teachers, crops, seed
        self.styles = [(path, side) for path in paintings for side in sides_px]
        self._teacher: WctTeacher | None = None
        self._style = lru_cache(maxsize=None)(self._learn)
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, number: int) -> TeacherPair:
        """Pair `number`, read or made."""
        path = self.folder / f"{number:06d}.safetensors"
        if not path.is_file():
            self._make(number, path)
        tensors = load_file(path)
        row, deepest, structure = tensors["asked"].tolist()
        return TeacherPair(
            to_unit(tensors["photo"]), to_unit(tensors["painted"]), int(row), int(deepest), structure
        )

    def _make(self, number: int, path: Path) -> None:
        generator = torch.Generator().manual_seed(self.seed + 15485863 * (number + 1))
        photo = self.crops.draw(1, generator)
        row = int(torch.randint(len(self.styles), (), generator=generator))
        draw = torch.rand(2, generator=generator).tolist()
        deepest = LEVELS if draw[0] < DEEPEST_SHARE else LEVELS - 1
        structure = MOST_STRUCTURE * draw[1]
        alpha = torch.tensor([FULL_ALPHA * (1 - structure)])
        teacher = self._teacher = self._teacher or WctTeacher(self.teachers)
        with torch.autocast("cpu", enabled=False):  # small components are small beside rounding
            painted = teacher(photo, self._style(row), alpha, deepest=deepest)
        request = torch.tensor([row, deepest, structure], dtype=torch.float64)
        with atomic_write(path) as part:
            save_file({"photo": _bytes(photo[0]), "painted": _bytes(painted[0]), "asked": request}, part)

    def _learn(self, row: int) -> dict[int, FeatureStatistics]:
        path, side = self.styles[row]
        assert self._teacher is not None  # noqa: S101 - made before
        return self._teacher.statistics(painting_pixels(path, side))


def _bytes(pixels: Tensor) -> Tensor:
    return (pixels * 255).round().byte().contiguous()
