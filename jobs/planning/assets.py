"""`Asset`: one input picture of a batch. Helpers for suffixes, globs and patterns of names."""

import fnmatch
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from giornata.jobs.model.paths import base_name

# What a folder is searched for; a file or glob may name anything. Formats that are not read are named all the
# same: a picture that cannot be rendered is told, and does not vanish.
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".gif", ".avif"),
        *(".bmp", ".ppm", ".pgm", ".pbm", ".jp2", ".j2k", ".jpx", ".jxl", ".heic", ".heif", ".psd", ".dng"),
    }
)
MAGIC = re.compile(r"[*?\[]")


def has_picture_suffix(name: str) -> bool:
    """Whether a file name is one of a picture."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122 - once per file


def first_magic(parts: Sequence[str]) -> int:
    """The index of the first part that is a glob."""
    return next(index for index, part in enumerate(parts) if MAGIC.search(part))


def matches(names: Sequence[str], glob_parts: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob; `**` stands for any number of folders."""
    if not glob_parts:
        return not names
    if glob_parts[0] == "**":
        return matches(names, glob_parts[1:]) or (bool(names) and matches(names[1:], glob_parts))
    return bool(names) and fnmatch.fnmatchcase(names[0], glob_parts[0]) and matches(names[1:], glob_parts[1:])


@dataclass(frozen=True)
class Asset:
    """One picture to render. `source` is absolute; `folder` is relative to its input, `/` between parts.

    `fingerprint` and `version` are of an object as it was listed; a file has none. `page` is the
    number, from 0, of one of several `pages`, and None for a file as a whole; names say which.
    """

    source: str
    folder: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    version: str = ""
    page: int | None = None
    pages: int = 1

    @property
    def name(self) -> str:
        """The file name with its suffix; `scan-p2.tif` for a page."""
        return self.stem + self.ext

    @property
    def stem(self) -> str:
        """The file name without its suffix; `scan-p2` for a page, with zeros where there are ten or more."""
        file = os.path.basename(self.source)  # noqa: PTH119 - once per output: pathlib is 5x slower
        stem = os.path.splitext(file)[0]  # noqa: PTH122
        return stem if self.page is None else f"{stem}-p{self.page + 1:0{len(str(self.pages))}d}"

    @property
    def ext(self) -> str:
        """The suffix with its dot, as the file name has it; empty when there is none."""
        return os.path.splitext(self.source)[1]  # noqa: PTH122


HIDDEN = "."


def is_picture(name: str) -> bool:
    """Whether a name is one of a visible picture."""
    last = base_name(name)
    return not last.startswith(HIDDEN) and has_picture_suffix(last)
