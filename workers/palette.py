"""Brand colours: where the source shows one of them, the styled picture is held close to it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from giornata.jobs.spec.values import TaskPalette
from giornata.workers.bands import Rows
from giornata.workers.lab import delta_e, from_lab, to_lab
from giornata.workers.picture import to_float

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
        """How strongly each pixel is held, 0..1, and to which colour."""
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
        """CIEDE2000 to the nearest colour, where it may matter, and which colour that is."""
        plain = np.stack([np.linalg.norm(lab - colour, axis=-1) for colour in self.colours])
        nearest: NDArray[np.intp] = plain.argmin(axis=0)
        found = np.full(lab.shape[:2], np.inf, np.float32)
        for index, colour in enumerate(self.colours):
            candidates = plain[index] <= STRETCH * FADE * self._tolerance
            if not candidates.any():
                continue
            exact = delta_e(lab[candidates], np.broadcast_to(colour, lab[candidates].shape))
            closer = exact < found[candidates]
            places = tuple(axis[closer] for axis in np.nonzero(candidates))
            found[places], nearest[places] = exact[closer], index
        return found, nearest

    def _pulled(self, styled: Rows, colours: Rows) -> Rows:
        """Styled colours drawn straight towards the wanted ones until they are within the tolerance."""
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
