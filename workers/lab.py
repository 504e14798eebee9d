"""CIELAB and CIEDE2000: how different two colours look."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from giornata.workers.preserve import FROM_XYZ, KNEE, TO_XYZ

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
