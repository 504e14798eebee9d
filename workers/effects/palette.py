"""Brand colours: where the source shows one, the styled picture is held close to it (CIEDE2000 in CIELAB)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from giornata.jobs.spec.values import TaskPalette
from giornata.workers.effects.color_transfer import FROM_XYZ, KNEE, TO_XYZ
from giornata.workers.tiling.arrays import Rows, to_float

Floats = NDArray[np.float32]
_FAR = np.float32(25.0**7)


def to_lab(colours: Floats) -> Floats:
    """sRGB 0..1, float32, ... x 3 -> CIELAB over D65 (CIE 15:2004)."""
    low = colours <= np.float32(0.04045)
    linear = np.where(
        low, colours / np.float32(12.92), ((colours + np.float32(0.055)) / np.float32(1.055)) ** 2.4
    )
    xyz = linear.astype(np.float32) @ TO_XYZ.T.astype(np.float32)
    root = np.where(xyz > KNEE**3, np.cbrt(xyz), xyz / np.float32(3 * KNEE**2) + np.float32(4 / 29))
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def from_lab(lab: Floats) -> Floats:
    """CIELAB over D65 -> sRGB, float32, clipped to 0..1."""
    y = (lab[..., 0] + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(root > KNEE, root**3, np.float32(3 * KNEE**2) * (root - np.float32(4 / 29)))
    linear = np.clip(xyz.astype(np.float32) @ FROM_XYZ.T.astype(np.float32), 0, 1)
    low = linear <= np.float32(0.0031308)
    curve = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.clip(np.where(low, linear * np.float32(12.92), curve), 0, 1).astype(np.float32)


def delta_e(first: Floats, second: Floats) -> Floats:
    """CIEDE2000 (CIE 142-2001, as in Sharma et al. 2005) of CIELAB colours, ... x 3 -> ...; 1 just shows."""
    l1, a1, b1 = _parts(first)
    l2, a2, b2 = _parts(second)
    grey = _far((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    a1, a2 = a1 * (1.5 - grey / 2), a2 * (1.5 - grey / 2)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    coloured = c1 * c2 > 0
    d_l, d_c = l2 - l1, c2 - c1
    d_h = np.where(coloured, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2), 0)
    middle_l, middle_c = (l1 + l2) / 2, (c1 + c2) / 2
    # Halfway on the shorter arc; without colour one of the hues means nothing, and their sum is used.
    hue = np.where(coloured, (h1 + turn / 2) % 360, h1 + h2)
    weight_l = 1 + 0.015 * (middle_l - 50) ** 2 / np.sqrt(20 + (middle_l - 50) ** 2)
    weight_c = 1 + 0.045 * middle_c
    weight_h = 1 + 0.015 * middle_c * _hue_term(hue)
    bend = -np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))) * 2 * _far(middle_c)
    c, h = d_c / weight_c, d_h / weight_h
    return np.sqrt(np.maximum(0, (d_l / weight_l) ** 2 + c**2 + h**2 + bend * c * h)).astype(np.float32)


def _parts(lab: Floats) -> tuple[Any, Any, Any]:
    return lab[..., 0].astype(np.float64), lab[..., 1].astype(np.float64), lab[..., 2].astype(np.float64)


def _far(chroma: Any) -> Any:
    """Goes from 0 for greys to 1 for saturated colours."""
    return np.sqrt(chroma**7 / (chroma**7 + _FAR))


def _hue_term(hue: Any) -> Any:
    angle = np.radians(hue)
    return (
        1
        - 0.17 * np.cos(angle - np.radians(30))
        + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6))
        - 0.20 * np.cos(4 * angle - np.radians(63))
    )


FADE = 1.6  # times the tolerance: source colours that far off are left to the style
MARGIN = 0.85  # of the tolerance: the rest is for rounding to 8 bits and for what sRGB cannot hold
SOFT_PX = 1.5  # deviation of the blur that hides where a brand colour ends
HALO_PX = 6  # four deviations: beyond that the blur reads nothing
STEPS = 3  # of pulling a colour in; each leaves the excess a fraction of what it was
# CIEDE2000 may be this many times smaller than the plain distance, for the most saturated colours of sRGB.
STRETCH = 7


class PaletteKeeper:
    """Holds rows of one styled picture to a palette. A pure function of the two pictures' pixels."""

    def __init__(self, palette: TaskPalette, source: NDArray[Any]) -> None:
        """`source`: uint8, uint16 or float32 0..1, H x W x 3, working sRGB; the size of what is styled."""
        self._source, self._tolerance = source, np.float32(palette.delta_e)
        codes = [[int(word[i : i + 2], 16) / 255 for i in (1, 3, 5)] for word in palette.colours]
        self.colours = to_lab(np.array(codes, np.float32))

    def held(self, band: slice, styled: Rows) -> Rows:
        """These rows of the styled picture, float32 0..1, with the palette's colours back where they were.

        Where the source is within the tolerance of a colour the result is too; further off it fades out.
        """
        weights, nearest = self._weights(band)
        where = weights > 0
        if not where.any():
            return styled
        result = styled.copy()
        close = self._pulled(styled[where], self.colours[nearest[where]])
        share = weights[where][:, None]
        result[where] = styled[where] + share * (close - styled[where])
        return result

    def _weights(self, band: slice) -> tuple[Rows, NDArray[np.intp]]:
        """Weight of each pixel, 0..1, and the index of the colour that it is held to."""
        height = self._source.shape[0]
        near = slice(max(0, band.start - HALO_PX), min(height, band.stop + HALO_PX))
        distance, nearest = self._distances(to_lab(to_float(np.asarray(self._source[near]))))
        fade = np.clip((FADE - distance / self._tolerance) / (FADE - 1), 0, 1)
        sharp = (fade * fade * (3 - 2 * fade)).astype(np.float32)
        soft = gaussian_filter(sharp, SOFT_PX, mode="nearest", truncate=HALO_PX / SOFT_PX)
        inside = slice(band.start - near.start, band.stop - near.start)
        # The blur only adds: what is a brand colour stays one up to its very edge.
        weights = np.maximum(sharp, np.where(soft > 1 / 255, soft, 0))
        return weights[inside], nearest[inside]

    def _distances(self, lab: Rows) -> tuple[Rows, NDArray[np.intp]]:
        """CIEDE2000 to the nearest colour, where it may matter, and that colour's index."""
        plain = np.stack([np.linalg.norm(lab - colour, axis=-1) for colour in self.colours])
        nearest: NDArray[np.intp] = plain.argmin(axis=0)
        distances = np.full(lab.shape[:2], np.inf, np.float32)
        for index, colour in enumerate(self.colours):
            candidates = plain[index] <= STRETCH * FADE * self._tolerance
            if not candidates.any():
                continue
            exact = delta_e(lab[candidates], np.broadcast_to(colour, lab[candidates].shape))
            closer = exact < distances[candidates]
            places = tuple(axis[closer] for axis in np.nonzero(candidates))
            distances[places], nearest[places] = exact[closer], index
        return distances, nearest

    def _pulled(self, styled: Rows, colours: Rows) -> Rows:
        """Styled colours drawn straight towards `colours` until they are within the tolerance."""
        offset = to_lab(styled) - colours
        limit = self._tolerance * np.float32(MARGIN)
        share = np.ones(len(styled), np.float32)
        for _ in range(STEPS):
            distance = delta_e(colours + offset * share[:, None], colours)
            share *= np.minimum(1, limit / np.maximum(distance, limit))
        close = from_lab(colours + offset * share[:, None])
        # What sRGB had to clip may stand out again: there the colour itself is taken.
        out = delta_e(to_lab(close), colours) > limit * np.float32(1.05)
        close[out] = from_lab(colours[out])
        return close
