"""Listing inputs lazily and in a fixed order: files, folders, globs and manifests become assets.

Walking a folder or a glob skips hidden names and the destination, does not enter symlinked folders, and
takes a symlinked file only when it leads to a place inside the folder walked. A file named outright is taken
as it is.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from giornata.jobs.errors import JobError, MissingInput
from giornata.jobs.manifest import read_manifest
from giornata.jobs.spec import InputChoice, JobSpec

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif"}
)  # what a folder is searched for; a file or glob may name anything
MANY_FOLDERS = 10_000  # of a manifest, remembered at once
_MAGIC = re.compile(r"[*?\[]")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://")


@dataclass(frozen=True)
class Asset:
    """One picture to render. `source` is absolute; `folder` is relative to its input, `/` between parts."""

    source: str
    folder: str = ""
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file name with its suffix."""
        return os.path.basename(self.source)  # noqa: PTH119 - once per output: pathlib is 5x slower

    @property
    def stem(self) -> str:
        """The file name without its suffix."""
        return os.path.splitext(self.name)[0]  # noqa: PTH122

    @property
    def ext(self) -> str:
        """The suffix with its dot, as it stands there; empty when there is none."""
        return os.path.splitext(self.source)[1]  # noqa: PTH122


OnProblem = Callable[[JobError], None]


def refuse(problem: JobError) -> None:
    """The plain way to meet a problem while listing: raise it."""
    raise problem


def expand_inputs(spec: JobSpec, *, base: Path, on_problem: OnProblem = refuse) -> Iterator[Asset]:
    """All pictures of a spec, input by input, each input in the order of its names.

    Relative paths start from `base`. A problem (`MissingInput`, `BadManifest`) goes to `on_problem`; when
    that returns, listing goes on with the next input.
    """
    outputs = absolute(spec.destination, base=base)
    for entry in spec.inputs:
        try:
            yield from _named_in_utf8(_expand(entry, base, outputs), on_problem)
        except JobError as problem:
            on_problem(problem)


def is_url(path: str) -> bool:
    """Whether a path names a place on the network, such as `s3://bucket/set/`."""
    return _URL.match(path) is not None


def absolute(path: str, *, base: Path) -> Path:
    """`path` from `base`, with `~` and `..` resolved and symlinks left alone."""
    # Path.resolve would follow links, which give a picture another name.
    return Path(os.path.abspath(base / os.path.expanduser(path)))  # noqa: PTH100, PTH111


def _named_in_utf8(assets: Iterator[Asset], on_problem: OnProblem) -> Iterator[Asset]:
    for asset in assets:
        if asset.source.isprintable() or _is_utf8(asset.source):
            yield asset
        else:
            on_problem(MissingInput(ascii(asset.source), "its name is not UTF-8, rename it first"))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _expand(entry: InputChoice, base: Path, outputs: Path) -> Iterator[Asset]:
    if entry.manifest_path:
        return _manifest(absolute(entry.manifest_path, base=base))
    path = entry.path or ""
    if is_url(path):
        raise MissingInput(path, "not yet available in this version, needed a local file, folder or glob")
    place = absolute(path, base=base)
    # A name that exists is that file, even when it has brackets in it.
    if place.is_dir():
        return _folder(place, outputs)
    if place.exists():
        return iter([Asset(str(place))])
    if _MAGIC.search(path):
        return _glob(path, place, outputs)
    raise MissingInput(path, f"nothing is there, looked at {place}")


def _manifest(path: Path) -> Iterator[Asset]:
    if not path.is_file():
        raise MissingInput(path, "nothing is there, needed a manifest")
    places: dict[
        str, tuple[str, str]
    ] = {}  # pathlib for every folder, not for every picture: it is 5x slower
    for row in read_manifest(path):
        above, name = os.path.split(row.path)
        if name in ("", ".", ".."):
            above, name = row.path, ""
        if above not in places:
            if len(places) > MANY_FOLDERS:
                places.clear()
            places[above] = _place(above, path.parent)
        folder, relative = places[above]
        yield Asset(f"{folder}{os.sep}{name}" if name else folder, relative, row.columns)


def _place(written: str, base: Path) -> tuple[str, str]:
    """A folder of a manifest: absolute, and relative to the manifest's own (nothing when it is outside)."""
    folder = absolute(written, base=base)
    relative = folder.relative_to(base).as_posix() if folder.is_relative_to(base) else ""
    return str(folder).rstrip(os.sep), "" if relative == "." else relative


def _folder(root: Path, outputs: Path) -> Iterator[Asset]:
    if root == outputs:
        # The next run would style what this one made.
        raise MissingInput(root, "it is the destination as well, needed another one, such as a folder inside")
    for names in _walk(_Walk(str(root.resolve()), outputs), root, ()):
        if PurePath(names[-1]).suffix.lower() in PICTURE_SUFFIXES:
            yield Asset(str(root.joinpath(*names)), "/".join(names[:-1]))


def _glob(pattern: str, place: Path, outputs: Path) -> Iterator[Asset]:
    parts = place.parts
    first = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    root, wanted = Path(*parts[:first]), parts[first:]
    found = False
    if root.is_dir():
        depth = None if "**" in wanted else len(wanted)
        for names in _walk(_Walk(str(root.resolve()), outputs), root, (), depth):
            if _matches(names, wanted):
                found = True
                yield Asset(str(root.joinpath(*names)), "/".join(names[:-1]))
    if not found:
        raise MissingInput(pattern, f"matches no file in {root}")


def _matches(names: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not names
    if wanted[0] == "**":
        return _matches(names, wanted[1:]) or (bool(names) and _matches(names[1:], wanted))
    return bool(names) and fnmatch.fnmatchcase(names[0], wanted[0]) and _matches(names[1:], wanted[1:])


@dataclass(frozen=True)
class _Walk:
    real_root: str
    outputs: Path


def _walk(
    walk: _Walk, folder: Path, above: tuple[str, ...], depth: int | None = None
) -> Iterator[tuple[str, ...]]:
    """Names of files under `folder`, as parts from the root; files of a folder come before its folders."""
    folders: list[str] = []
    for name, is_folder in _listing(folder, walk.real_root):
        if not is_folder:
            yield (*above, name)
        elif folder / name != walk.outputs:
            folders.append(name)
    if depth is None or depth > 1:
        for name in folders:
            yield from _walk(walk, folder / name, (*above, name), depth and depth - 1)


def _listing(folder: Path, real_root: str) -> list[tuple[str, bool]]:
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
