"""How wide the strokes are that a style paints by itself: measured, not chosen.

A network paints strokes of a fixed number of pixels, whatever the picture's size. They are found by comparing
what goes in and comes out at every scale, on a picture that has no scale of its own."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from giornata.styles.engine import Engine, render_tile
from giornata.workers.tiling.arrays import Rows
from giornata.workers.tiling.executor import totals_of_picture

SAMPLE_PX = 512


SHORTEST_PX, LONGEST_PX = 4.5, 64.0  # waves looked at: shorter ones are the network's grid, not strokes


STEPS_PER_OCTAVE = 4


LUMA = (0.2126, 0.7152, 0.0722)


@lru_cache(maxsize=1)
def scale_free_picture(side_px: int = SAMPLE_PX, *, seed: int = 0) -> Rows:
    """Dead leaves: discs of all sizes lying over each other, as alike at every scale as the world is.

    Radii r with density r⁻³ make natural pictures' statistics (Lee, Mumford and Huang 2001). float32,
    `side_px` square, 0..1.
    """
    random = np.random.default_rng(seed)
    smallest, largest = 2.0, side_px / 2
    share = random.random(40 * side_px)
    radii = 1 / np.sqrt(share * (smallest**-2 - largest**-2) + largest**-2)
    centres, colours = random.random((len(radii), 2)) * side_px, 0.1 + 0.8 * random.random((len(radii), 3))
    rows, columns = np.mgrid[:side_px, :side_px]
    picture, bare = np.full((side_px, side_px, 3), 0.5, np.float32), np.ones((side_px, side_px), bool)
    for (y, x), radius, colour in zip(centres, radii, colours, strict=True):  # the topmost first
        near = tuple(slice(max(0, int(c - radius)), int(c + radius) + 2) for c in (y, x))
        leaf = ((rows[near] - y) ** 2 + (columns[near] - x) ** 2 < radius**2) & bare[near]
        picture[near][leaf] = colour
        bare[near] &= ~leaf
    return picture


def wave_energy(picture: Rows) -> NDArray[np.float64]:
    """Energy of the light at each wavelength, in quarter octaves from `LONGEST_PX` to `SHORTEST_PX`."""
    light = picture @ np.array(LUMA)
    window = np.hanning(light.shape[0])[:, None] * np.hanning(light.shape[1])
    power = np.abs(np.fft.fft2((light - light.mean()) * window)) ** 2
    down, across = (np.fft.fftfreq(side) for side in light.shape)
    frequency = np.hypot(down[:, None], across)
    steps = round(STEPS_PER_OCTAVE * np.log2(LONGEST_PX / SHORTEST_PX))
    edges = np.geomspace(1 / LONGEST_PX, 1 / SHORTEST_PX, steps + 1)
    return np.histogram(frequency, bins=edges, weights=power)[0]


def stroke_px(styled: Rows, source: Rows) -> float:
    """The width of a stroke in `styled`, px: half the mean wavelength of what the style adds to `source`.

    The mean is over the logarithm of the wavelength, weighted by how much more (or less) energy comes out
    than went in.
    """
    gain = wave_energy(styled) / np.maximum(wave_energy(source), 1e-12)
    half_step = 0.5 * np.log(LONGEST_PX / SHORTEST_PX) / len(gain)
    waves = np.linspace(np.log(LONGEST_PX) - half_step, np.log(SHORTEST_PX) + half_step, len(gain))
    return float(np.exp((gain * waves).sum() / gain.sum()) / 2)


def engine_stroke_px(engine: Engine) -> float:
    """The stroke that `engine` paints at scale one, px."""
    sample = scale_free_picture()
    whole = (slice(0, SAMPLE_PX), slice(0, SAMPLE_PX))
    styled = render_tile(engine, torch.from_numpy(sample), whole, totals_of_picture(engine, sample))
    return stroke_px(styled.cpu().numpy(), sample)
