"""Inputs as assets, lazily and in a fixed order: files, folders, globs, manifests, and prefixes of buckets.

A file that is named outright is taken as it is. In folders, hidden names and the destination are skipped,
linked folders are not entered, and a linked file is taken only when it leads inside the folder walked.
Objects come with the ETag of the version that was listed.
"""

import os
import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from giornata.jobs.errors import (
    BadManifest,
    JobError,
    MissingInput,
    ObjectNotFound,
    StorageError,
    UnsupportedUrl,
)
from giornata.jobs.model.paths import absolute, base_name, is_inside, is_url, located, wrong_url
from giornata.jobs.planning.assets import MAGIC, Asset, first_magic, has_picture_suffix, matches
from giornata.jobs.planning.input_manifest import ManifestRow, read_manifest
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.style import InputSpec
from giornata.jobs.storage.base import ObjectInfo, ObjectStore, StoreFinder
from giornata.jobs.storage.local import LOCAL


def expand_folder(root: Path, outputs: Path) -> Iterator[Asset]:
    """The pictures in a folder and below. Raises `MissingInput`."""
    if root == outputs:
        # The next run would style what this one made.
        raise MissingInput(root, "it is the destination as well, needed another one, such as a folder inside")
    for names in _walk(_FolderWalk(str(root.resolve()), outputs), root, ()):
        if has_picture_suffix(names[-1]):
            yield Asset(str(root.joinpath(*names)), "/".join(names[:-1]))


def expand_glob(pattern: str, place: Path, outputs: Path) -> Iterator[Asset]:
    """The files that match `place`, which is `pattern` made absolute. Raises `MissingInput` if none does."""
    parts = place.parts
    first = first_magic(parts)
    root, glob_parts = Path(*parts[:first]), parts[first:]
    has_match = False
    if root.is_dir():
        depth = None if "**" in glob_parts else len(glob_parts)
        for names in _walk(_FolderWalk(str(root.resolve()), outputs), root, (), depth):
            if matches(names, glob_parts):
                has_match = True
                yield Asset(str(root.joinpath(*names)), "/".join(names[:-1]))
    if not has_match:
        raise MissingInput(pattern, f"matches no file in {root}")


@dataclass(frozen=True)
class _FolderWalk:
    real_root: str
    outputs: Path


def _walk(
    walk: _FolderWalk, folder: Path, above: tuple[str, ...], depth: int | None = None
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
            names = [
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".") and _is_taken(entry, real_root)
            ]
    except OSError as error:
        raise MissingInput(folder, error.strerror or str(error)) from error
    return sorted(names)


def _is_taken(entry: os.DirEntry[str], real_root: str) -> bool:
    if not entry.is_symlink():
        return entry.is_dir() or entry.is_file()
    return entry.is_file() and os.path.commonpath([real_root, os.path.realpath(entry.path)]) == real_root


Found = tuple[ObjectInfo, str]  # an object, and its folder below the input, `/` between parts


def expand_remote(path: str, *, outputs: str, store: ObjectStore) -> Iterator[Found]:
    """The pictures that `s3://bucket/…` names, in the order of their keys; those in `outputs` are left out.

    Raises `MissingInput` where there is none, `StorageError`.
    """
    # A key that exists is that picture, even when it has brackets in it.
    head = None if path.endswith("/") or path.count("/") < 3 else store.stat(path)
    if head is not None:
        return iter([(head, "")])
    if MAGIC.search(path):
        return _glob(path, outputs, store)
    return _folder(path.rstrip("/"), outputs, store)


def _folder(root: str, outputs: str, store: ObjectStore) -> Iterator[Found]:
    if root == outputs:
        # The next run would style what this one made.
        raise MissingInput(root, "it is the destination as well, needed another one, such as a prefix inside")
    any_at_all = False
    for entry in store.list(root):
        any_at_all = True
        if has_picture_suffix(entry.name) and not is_inside(entry.name, outputs):
            yield entry, _folder_of(entry.name, root)
    if not any_at_all:
        raise MissingInput(root, "nothing is there, neither an object nor a prefix of some")


def _glob(pattern: str, outputs: str, store: ObjectStore) -> Iterator[Found]:
    parts = pattern.split("/")
    first = first_magic(parts)
    if first < 3:
        raise MissingInput(pattern, "got a pattern in the name of the bucket, needed its whole name")
    root, glob_parts = "/".join(parts[:first]), parts[first:]
    depth = None if "**" in glob_parts else len(glob_parts)
    has_match = False
    for entry in store.list(root, depth=depth):
        if matches(entry.name[len(root) + 1 :].split("/"), glob_parts) and not is_inside(entry.name, outputs):
            has_match = True
            yield entry, _folder_of(entry.name, root)
    if not has_match:
        raise MissingInput(pattern, f"matches no object in {root}")


def _folder_of(name: str, root: str) -> str:
    return name[len(root) + 1 :].rpartition("/")[0]


MANY_FOLDERS = 10_000  # of a manifest, remembered at once
ASKED_AT_ONCE = 500  # rows of a manifest whose objects are looked for together


OnProblem = Callable[[JobError], None]


def refuse(problem: JobError) -> None:
    """The plain way to meet a problem while listing: raise it."""
    raise problem


def expand_inputs(
    spec: JobSpec, *, base: Path, on_problem: OnProblem = refuse, stores: StoreFinder = LOCAL
) -> Iterator[Asset]:
    """All pictures of a spec, input by input, each input in the order of its names.

    Relative paths start from `base`. A problem (`MissingInput`, `BadManifest`) goes to `on_problem`; when
    that returns, listing goes on with the next input. Raises `StorageError` when a bucket cannot be listed.
    """
    listing = _Listing(spec, base, stores)
    for entry in spec.inputs:
        try:
            yield from _named_in_utf8(_stamped(_expand(entry, listing), listing, on_problem), on_problem)
        except (ObjectNotFound, UnsupportedUrl) as problem:
            on_problem(MissingInput(*problem.args))
        except StorageError:
            raise  # not this input's own trouble: what cannot be listed now must not be left out
        except JobError as problem:
            on_problem(problem)


@dataclass(frozen=True)
class _Listing:
    """The spec of one listing, its base folder, and the places of its inputs."""

    spec: JobSpec
    base: Path
    stores: StoreFinder

    @property
    def outputs(self) -> str:
        """The destination."""
        return located(self.spec.destination, base=self.base)


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


def _stamped(assets: Iterable[Asset], listing: _Listing, on_problem: OnProblem) -> Iterator[Asset]:
    """The same assets, objects of a manifest with their stamps, which are asked for many at once."""
    waiting: list[Asset] = []
    try:
        for asset in assets:
            if not waiting and (asset.fingerprint or not is_url(asset.source)):
                yield asset
                continue
            waiting.append(asset)
            if len(waiting) == ASKED_AT_ONCE:
                yield from _asked(waiting, listing, on_problem)
                waiting = []
    except JobError:
        yield from _asked(waiting, listing, on_problem)
        raise
    yield from _asked(waiting, listing, on_problem)


def _asked(assets: list[Asset], listing: _Listing, on_problem: OnProblem) -> Iterator[Asset]:
    unknown = [asset.source for asset in assets if not asset.fingerprint and is_url(asset.source)]
    store = listing.stores.at(unknown[0], listing.spec.storage) if unknown else None
    heads = dict(zip(unknown, store.stat_many(unknown), strict=True)) if store else {}
    for asset in assets:
        if asset.source not in heads:
            yield asset
        elif entry := heads[asset.source]:
            yield replace(asset, fingerprint=entry.fingerprint, version=entry.version)
        else:
            on_problem(MissingInput(asset.source, "nothing is there"))


def _expand(entry: InputSpec, listing: _Listing) -> Iterator[Asset]:
    if entry.manifest_path:
        return _manifest(entry.manifest_path, listing)
    path = entry.path or ""
    if is_url(path):
        return _remote(path, listing)
    place, outputs = absolute(path, base=listing.base), Path(listing.outputs)
    # A name that exists is that file, even when it has brackets in it.
    if place.is_dir():
        return expand_folder(place, outputs)
    if place.exists():
        return iter([Asset(str(place))])
    if MAGIC.search(path):
        return expand_glob(path, place, outputs)
    raise MissingInput(path, f"nothing is there, looked at {place}")


def _remote(path: str, listing: _Listing) -> Iterator[Asset]:
    if reason := wrong_url(path):
        raise MissingInput(path, reason)
    store = listing.stores.at(path, listing.spec.storage)
    for entry, folder in expand_remote(path, outputs=listing.outputs, store=store):
        yield Asset(entry.name, folder, fingerprint=entry.fingerprint, version=entry.version)


def _manifest(written: str, listing: _Listing) -> Iterator[Asset]:
    with _at_hand(written, listing) as (path, folder):
        places: dict[
            str, tuple[str, str]
        ] = {}  # pathlib for every folder, not for every picture: it is 5x slower
        for row in read_manifest(path):
            if is_url(row.path):
                yield Asset(row.path, "", row.columns)
                continue
            above, name = os.path.split(row.path)
            if name in ("", ".", ".."):
                above, name = row.path, ""
            if above not in places:
                if len(places) > MANY_FOLDERS:
                    places.clear()
                places[above] = _beside(above, folder, row) if is_url(folder) else _place(above, path.parent)
            parent, relative = places[above]
            yield Asset(f"{parent}/{name}" if name else parent, relative, row.columns)


@contextmanager
def _at_hand(written: str, listing: _Listing) -> Iterator[tuple[Path, str]]:
    """A manifest as a local file, and the folder its paths start from."""
    name = located(written, base=listing.base)
    if not is_url(name):
        if not Path(name).is_file():
            raise MissingInput(name, "nothing is there, needed a manifest")
        yield Path(name), str(Path(name).parent)
        return
    with tempfile.TemporaryDirectory(prefix="giornata-manifest-") as folder:
        path = Path(folder) / base_name(name)
        listing.stores.at(name, listing.spec.storage).download(name, path)
        yield path, name.rpartition("/")[0]


def _beside(written: str, folder: str, row: ManifestRow) -> tuple[str, str]:
    """A folder of a manifest in a bucket: its name, and relative to the manifest's own."""
    relative = posixpath.normpath(written or ".")
    if relative.startswith(("/", "..")):
        raise BadManifest(
            folder, row.line, "path", f"got {row.path!r}, needed s3://… or a key below {folder}"
        )
    return (folder, "") if relative == "." else (f"{folder}/{relative}", relative)


def _place(written: str, base: Path) -> tuple[str, str]:
    """A folder of a manifest: absolute, and relative to the manifest's own (empty when it is outside)."""
    folder = absolute(written, base=base)
    relative = folder.relative_to(base).as_posix() if folder.is_relative_to(base) else ""
    return str(folder).rstrip(os.sep), "" if relative == "." else relative
