"""What a style is to the universal engine: a mean and a covariance of features at every level.

Plain arrays and one small file, so that a style can be stored, sent and mixed without loading torch.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from giornata.atomic_file import atomic_write
from giornata.styles.errors import BadStatistics, WeightsMismatch
from giornata.styles.moments import Moments

FORMAT, HEADER = "giornata-statistics-1", "giornata"
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LevelStatistics:
    """Mean (float64, C) and covariance (float64, C x C) of one level's features over a whole picture."""

    mean: Vector
    covariance: Matrix


@dataclass(frozen=True, eq=False)
class StyleStatistics:
    """Levels 1 to 5 of one picture, as the network whose encoder has the hash `network` sees it."""

    levels: tuple[LevelStatistics, ...]
    network: str


def level_statistics(moments: Moments) -> LevelStatistics:
    """Mean and (biased) covariance from summed `product_moments`; `BadStatistics` for other sums."""
    channels = len(moments.total)
    if len(moments.squares) != channels * (channels + 1) // 2:
        raise BadStatistics(f"{len(moments.squares)} sums of products", f"those of {channels} channels")
    mean = moments.total / moments.count
    products = unfolded(moments.squares / moments.count)
    return LevelStatistics(mean, products - np.outer(mean, mean))


def folded(matrix: Matrix) -> Vector:
    """The upper triangle of a symmetric matrix, row by row: C x C -> C·(C + 1)/2."""
    return np.ascontiguousarray(matrix[np.triu_indices(len(matrix))])


def unfolded(triangle: Vector) -> Matrix:
    """The inverse of `folded`."""
    size = int((np.sqrt(8 * len(triangle) + 1) - 1) / 2)
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = triangle
    return matrix + np.triu(matrix, 1).T


def save_statistics(statistics: StyleStatistics, path: Path) -> None:
    """Write means and the square roots of covariances as float16: half the bytes, and never negative.

    A root has half the range in decades of what it is the root of, which float16 holds; and the square of
    whatever was rounded is a covariance again.
    """
    tensors = {}
    for number, level in enumerate(statistics.levels, start=1):
        values, vectors = np.linalg.eigh(level.covariance)
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        tensors[f"level{number}.mean"] = level.mean.astype(np.float16)
        tensors[f"level{number}.root"] = folded(root).astype(np.float16)
    with atomic_write(path) as part:
        # One key: several would be written in an order of their own each time, and equal styles would differ.
        save_file(tensors, part, metadata={HEADER: json.dumps([FORMAT, statistics.network])})
        part.chmod(0o644)


def load_statistics(path: Path) -> StyleStatistics:
    """Read a statistics file. Raises `WeightsMismatch` for any other file."""
    try:
        with safe_open(path, framework="np") as file:
            form, network = json.loads((file.metadata() or {}).get(HEADER, '["", ""]'))
            tensors = {key: file.get_tensor(key).astype(np.float64) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as exc:
        raise WeightsMismatch(str(path), str(exc), "a readable safetensors file") from exc
    if form != FORMAT:
        raise WeightsMismatch(str(path), f"format {form!r}", f"format {FORMAT!r}")
    levels = []
    for number in range(1, len(tensors) // 2 + 1):
        root = unfolded(tensors[f"level{number}.root"])
        levels.append(LevelStatistics(tensors[f"level{number}.mean"], root @ root))
    return StyleStatistics(tuple(levels), network)


def check_network(styles: Sequence[StyleStatistics], network: str) -> None:
    """Raise `BadStatistics` unless all `styles` were seen by the encoder of this hash."""
    for style in styles:
        if style.network != network:
            needed = f"those of network {network[:12]}: add the style again"
            raise BadStatistics(f"statistics of network {style.network[:12] or '(unnamed)'}", needed)
