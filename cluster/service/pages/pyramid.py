"""Which file of a delivered tile folder shows the whole picture, and which one a deep zoom begins with."""

import os
from pathlib import Path

ONE_FILE = ["0_0.jpg"]  # a Deep Zoom level that holds this alone is whole in it


def zoom_file(folder: Path) -> str:
    """The name of the .dzi or info.json in `folder`; empty where there is none."""
    if not folder.is_dir():
        return ""
    found = [*sorted(folder.glob("*.dzi")), *sorted(folder.glob("info.json"))]
    return found[0].name if found else ""


def whole_file(folder: Path, *, side_px: int) -> Path | None:
    """A JPEG in `folder` of all of the picture: the smallest that fills `side_px`, or the largest there is.

    Deep Zoom has whole levels of up to 254 px only; IIIF lists sizes of up to 2048 px.
    """
    found = sorted((*_levels(folder), *_sizes(folder)))
    fitting = [path for side, path in found if side >= side_px] or [path for _, path in found[-1:]]
    return fitting[0] if fitting and inside(folder, fitting[0]) else None


def inside(folder: Path, path: Path) -> bool:
    """Whether `path` is a file in `folder`, and no link that leads out of it."""
    real = Path(os.path.realpath(path))
    return real.is_relative_to(os.path.realpath(folder)) and real.is_file()


def _levels(folder: Path) -> list[tuple[int, Path]]:
    """The longest side that each level of one file may have, and the file."""
    found = []
    for level in folder.glob("*_files/[0-9]*"):
        if level.name.isdigit() and [path.name for path in level.glob("*")] == ONE_FILE:
            found.append((2 ** min(int(level.name), 30), level / ONE_FILE[0]))
    return found


def _sizes(folder: Path) -> list[tuple[int, Path]]:
    found = []
    for path in folder.glob("full/*,*/0/default.jpg"):
        width, _, height = path.parent.parent.name.partition(",")
        if width.isdigit() and height.isdigit():
            found.append((max(int(width), int(height)), path))
    return found
