"""Listing inputs lazily and in a fixed order: files, folders, globs and manifests become assets.

Pictures in buckets come with the stamp of the version that was listed.

A file that is named outright is taken as it is.
"""

import os
import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from giornata.jobs.asset import Asset, absolute, located
from giornata.jobs.errors import BadManifest, JobError, MissingInput, PlaceError, PlaceMissing, PlaceUnknown
from giornata.jobs.local_inputs import expand_folder, expand_glob
from giornata.jobs.manifest import ManifestRow, read_manifest
from giornata.jobs.patterns import MAGIC
from giornata.jobs.places import LOCAL, base_name, is_url, wrong_url
from giornata.jobs.ports import Places
from giornata.jobs.remote_inputs import expand_remote
from giornata.jobs.spec import JobSpec
from giornata.jobs.spec_entries import InputChoice

MANY_FOLDERS = 10_000  # of a manifest, remembered at once
ASKED_AT_ONCE = 500  # rows of a manifest whose objects are looked for together


OnProblem = Callable[[JobError], None]


def refuse(problem: JobError) -> None:
    """The plain way to meet a problem while listing: raise it."""
    raise problem


def expand_inputs(
    spec: JobSpec, *, base: Path, on_problem: OnProblem = refuse, places: Places = LOCAL
) -> Iterator[Asset]:
    """All pictures of a spec, input by input, each input in the order of its names.

    Relative paths start from `base`. A problem (`MissingInput`, `BadManifest`) goes to `on_problem`; when
    that returns, listing goes on with the next input. Raises `PlaceError` when a bucket cannot be listed.
    """
    listing = _Listing(spec, base, places)
    for entry in spec.inputs:
        try:
            yield from _named_in_utf8(_stamped(_expand(entry, listing), listing, on_problem), on_problem)
        except (PlaceMissing, PlaceUnknown) as problem:
            on_problem(MissingInput(*problem.args))
        except PlaceError:
            raise  # not this input's own trouble: what cannot be listed now must not be left out
        except JobError as problem:
            on_problem(problem)


@dataclass(frozen=True)
class _Listing:
    """What listing one spec needs to know."""

    spec: JobSpec
    base: Path
    places: Places

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
    """The same, objects of a manifest with their stamps, which are asked for many at once."""
    waiting: list[Asset] = []
    try:
        for asset in assets:
            if not waiting and (asset.stamp or not is_url(asset.source)):
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
    unknown = [asset.source for asset in assets if not asset.stamp and is_url(asset.source)]
    place = listing.places.at(unknown[0], listing.spec.storage) if unknown else None
    found = dict(zip(unknown, place.heads(unknown), strict=True)) if place else {}
    for asset in assets:
        if asset.source not in found:
            yield asset
        elif entry := found[asset.source]:
            yield replace(asset, stamp=entry.stamp, version=entry.version)
        else:
            on_problem(MissingInput(asset.source, "nothing is there"))


def _expand(entry: InputChoice, listing: _Listing) -> Iterator[Asset]:
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
    if words := wrong_url(path):
        raise MissingInput(path, words)
    place = listing.places.at(path, listing.spec.storage)
    for entry, folder in expand_remote(path, outputs=listing.outputs, place=place):
        yield Asset(entry.name, folder, stamp=entry.stamp, version=entry.version)


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
            found, relative = places[above]
            yield Asset(f"{found}/{name}" if name else found, relative, row.columns)


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
        listing.places.at(name, listing.spec.storage).fetch(name, path)
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
    """A folder of a manifest: absolute, and relative to the manifest's own (nothing when it is outside)."""
    folder = absolute(written, base=base)
    relative = folder.relative_to(base).as_posix() if folder.is_relative_to(base) else ""
    return str(folder).rstrip(os.sep), "" if relative == "." else relative
