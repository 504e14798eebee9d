"""What a name says: whether it is a picture's, whether it is a glob, and whether it matches one."""

import fnmatch
import os
import re
from collections.abc import Sequence

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


def matches(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob; `**` stands for any number of folders."""
    if not wanted:
        return not names
    if wanted[0] == "**":
        return matches(names, wanted[1:]) or (bool(names) and matches(names[1:], wanted))
    return bool(names) and fnmatch.fnmatchcase(names[0], wanted[0]) and matches(names[1:], wanted[1:])
