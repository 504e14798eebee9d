"""`Asset`: one picture of a batch, and the absolute names that paths stand for."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from giornata.jobs.places import is_url


@dataclass(frozen=True)
class Asset:
    """One picture to render. `source` is absolute; `folder` is relative to its input, `/` between parts.

    `stamp` and `version` are of an object as it was listed; a file has none. Of a file of several `pages` it
    is the one that is numbered `page` from 0, or the file as a whole, and nothing; names say which.
    """

    source: str
    folder: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    stamp: str = ""
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
        """The suffix with its dot, as it stands there; empty when there is none."""
        return os.path.splitext(self.source)[1]  # noqa: PTH122


def located(path: str, *, base: Path) -> str:
    """The absolute name that a path stands for, of a file or of an object."""
    return path.rstrip("/") if is_url(path) else str(absolute(path, base=base))


def absolute(path: str, *, base: Path) -> Path:
    """`path` from `base`, with `~` and `..` resolved and symlinks left alone."""
    # Path.resolve would follow links, which give a picture another name.
    return Path(os.path.abspath(base / os.path.expanduser(path)))  # noqa: PTH100, PTH111
