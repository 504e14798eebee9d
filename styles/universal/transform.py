"""The affine map that gives one picture's features the statistics of another's.

`transport` is the optimal transport between two Gaussians (Olkin and Pukelsheim 1982): of all maps that reach
the covariance it changes the features least. `whiten` is whitening and colouring (Li et al. 2017).

Both divide by the photograph's variance, so that is given a floor: `RIDGE` of its own mean variance plus
`STYLE_RIDGE` of the style's, added to every variance. What has no variance is amplified by the floor's root
at most; a covariance without full rank is a case like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from threadpoolctl import threadpool_limits

from giornata.styles.universal.statistics import LevelStatistics, Matrix, Vector

RIDGE = 0.05
STYLE_RIDGE = 0.002
LEAST_VARIANCE = 1e-9  # when neither picture has any


class TransformKind(StrEnum):
    """How features are moved to the style's statistics."""

    TRANSPORT = "transport"
    WHITEN = "whiten"
    MOMENTS = "moments"  # means and deviations only: AdaIN, Huang and Belongie 2017


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x -> matrix · x + offset; float64, C x C and C."""

    matrix: Matrix
    offset: Vector

    def toward(self, strength: float) -> "AffineMap":
        """Part of the way from leaving everything as it is (0) to this map (1)."""
        unit = np.eye(len(self.offset))
        return AffineMap(unit + strength * (self.matrix - unit), strength * self.offset)


def affine_map(
    content: LevelStatistics,
    styles: Sequence[LevelStatistics],
    shares: Sequence[float],
    *,
    kind: TransformKind = TransformKind.WHITEN,
) -> AffineMap:
    """The map from `content` to `styles` by their `shares`, which sum to one.

    With several styles the maps are mixed: between Gaussians that is the path of their barycentre. The same
    numbers on any number of threads: linear algebra runs on one.
    """
    with threadpool_limits(1, user_api="blas"):
        maps = [_between(content, style, kind) for style in styles]
        matrix = sum(share * affine.matrix for share, affine in zip(shares, maps, strict=True))
        offset = sum(share * affine.offset for share, affine in zip(shares, maps, strict=True))
    return AffineMap(np.asarray(matrix), np.asarray(offset))


def _between(content: LevelStatistics, style: LevelStatistics, kind: TransformKind) -> AffineMap:
    floored = _floored(content.covariance, style.covariance)
    match kind:
        case TransformKind.TRANSPORT:
            root, inverse = roots(floored)
            middle, _ = roots(_floored(root @ style.covariance @ root, None))
            matrix = inverse @ middle @ inverse
        case TransformKind.WHITEN:
            matrix = roots(style.covariance)[0] @ roots(floored)[1]
        case TransformKind.MOMENTS:
            matrix = np.diag(np.sqrt(np.diag(style.covariance) / np.diag(floored)))
    return AffineMap(matrix, style.mean - matrix @ content.mean)


def _floored(covariance: Matrix, style: Matrix | None) -> Matrix:
    """`covariance` with the floor of the module's docstring added to every variance."""
    floor = RIDGE * np.trace(covariance) + (0.0 if style is None else STYLE_RIDGE * np.trace(style))
    return covariance + (floor / len(covariance) + LEAST_VARIANCE) * np.eye(len(covariance))


def roots(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Symmetric square root and its inverse of a positive matrix; negative eigenvalues count as the least."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(values, LEAST_VARIANCE))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
