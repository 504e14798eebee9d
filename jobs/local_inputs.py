"""Folders and globs on a disk as assets, lazily and in the order of their names.

Hidden names and the destination are skipped, symlinked folders are not entered, and a symlinked file is taken
only when it leads to a place inside the folder walked.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.asset import Asset
from giornata.jobs.errors import MissingInput
from giornata.jobs.patterns import first_magic, has_picture_suffix, matches


def expand_folder(root: Path, outputs: Path) -> Iterator[Asset]:
    """The pictures in a folder and below. Raises `MissingInput`."""
    if root == outputs:
        # The next run would style what this one made.
        raise MissingInput(root, "it is the destination as well, needed another one, such as a folder inside")
    for names in _walk(_Walk(str(root.resolve()), outputs), root, ()):
        if has_picture_suffix(names[-1]):
            yield Asset(str(root.joinpath(*names)), "/".join(names[:-1]))


def expand_glob(pattern: str, place: Path, outputs: Path) -> Iterator[Asset]:
    """The files that match `place`, which is `pattern` made absolute. Raises `MissingInput` if none does."""
    parts = place.parts
    first = first_magic(parts)
    root, wanted = Path(*parts[:first]), parts[first:]
    found = False
    if root.is_dir():
        depth = None if "**" in wanted else len(wanted)
        for names in _walk(_Walk(str(root.resolve()), outputs), root, (), depth):
            if matches(names, wanted):
                found = True
                yield Asset(str(root.joinpath(*names)), "/".join(names[:-1]))
    if not found:
        raise MissingInput(pattern, f"matches no file in {root}")


@dataclass(frozen=True)
class _Walk:
    real_root: str
    outputs: Path


def _walk(
    walk: _Walk, folder: Path, above: tuple[str, ...], depth: int | None = None
) -> Iterator[tuple[str, ...]]:
    """Names of files under `folder`, as parts from the root; files of a folder come before its folders."""
    folders: list[str] = []
    for name, is_folder in _names(folder, walk.real_root):
        if not is_folder:
            yield (*above, name)
        elif folder / name != walk.outputs:
            folders.append(name)
    if depth is None or depth > 1:
        for name in folders:
            yield from _walk(walk, folder / name, (*above, name), depth and depth - 1)


def _names(folder: Path, real_root: str) -> list[tuple[str, bool]]:
    """Names in order, each with whether it is a folder to enter; names to skip are left out."""
    try:
        with os.scandir(folder) as entries:
            kept = [
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".") and _is_taken(entry, real_root)
            ]
    except OSError as error:
        raise MissingInput(folder, error.strerror or str(error)) from error
    return sorted(kept)


def _is_taken(entry: os.DirEntry[str], real_root: str) -> bool:
    if not entry.is_symlink():
        return entry.is_dir() or entry.is_file()
    return entry.is_file() and os.path.commonpath([real_root, os.path.realpath(entry.path)]) == real_root
