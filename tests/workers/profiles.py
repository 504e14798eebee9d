"""ICC profiles made when a test needs them: curve-and-matrix spaces of the trade, and greys (ICC.1:2022)."""

import struct
from collections.abc import Callable

Curve = Callable[[float], float]
Column = tuple[float, float, float]
D50: Column = (0.9642, 1.0, 0.8249)
L_STAR_KNEE, L_STAR_SLOPE = 0.08, 9.033


def l_star(code: float) -> float:
    """The light of a code whose scale is CIE lightness, as in eciRGB v2."""
    return code * 100 / (100 * L_STAR_SLOPE) if code <= L_STAR_KNEE else ((code + 0.16) / 1.16) ** 3


def profile(space: bytes, tags: dict[bytes, bytes], *, name: str = "made for a test") -> bytes:
    """A version 2 display profile of these tags."""
    tags = {b"desc": description(name), b"wtpt": xyz(D50)} | tags
    body, table, at = b"", struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s", 128 + len(table) + len(body), b"", 0x02400000, b"mntr", space, b"XYZ "
    )
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + b"".join(fixed(value) for value in D50)
    return header.ljust(128, b"\0") + table + body


def fixed(value: float) -> bytes:
    """An s15Fixed16Number."""
    return struct.pack(">i", round(value * 65536))


def description(words: str) -> bytes:
    """A version 2 description."""
    data = words.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(data)) + data + bytes(78)


def xyz(column: Column) -> bytes:
    """An XYZ tag."""
    return b"XYZ " + bytes(4) + b"".join(fixed(value) for value in column)


def gamma(exponent: float) -> bytes:
    """A curve that is a power."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256)) + bytes(2)


def table(curve: Curve, *, steps: int = 4096) -> bytes:
    """A sampled curve."""
    values = [min(65535, max(0, round(65535 * curve(i / (steps - 1))))) for i in range(steps)]
    return b"curv" + bytes(4) + struct.pack(f">I{steps}H", steps, *values)


def rgb_profile(red: Column, green: Column, blue: Column, curve: bytes, *, name: str = "RGB") -> bytes:
    """An RGB space of these primaries (XYZ relative to D50) and one curve for all."""
    columns = {b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)}
    return profile(b"RGB ", columns | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}, name=name)


def grey_profile(curve: bytes) -> bytes:
    """A grey space."""
    return profile(b"GRAY", {b"kTRC": curve}, name="Grey")


def adobe_rgb() -> bytes:
    """Adobe RGB (1998)."""
    return rgb_profile(
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
        gamma(2.19921875),
        name="Adobe RGB (1998)",
    )


def eci_rgb() -> bytes:
    """eciRGB v2."""
    return rgb_profile(
        (0.65026, 0.32027, 0.0),
        (0.17804, 0.60207, 0.06783),
        (0.13593, 0.07765, 0.75710),
        table(l_star),
        name="eciRGB v2",
    )
