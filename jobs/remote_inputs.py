"""Inputs in buckets: a prefix is a folder, a key is a picture, and globs match keys as they match paths."""

from collections.abc import Iterator

from giornata.jobs.errors import MissingInput
from giornata.jobs.patterns import MAGIC, first_magic, has_picture_suffix, matches
from giornata.jobs.places import is_inside
from giornata.jobs.ports import Entry, Place

Found = tuple[Entry, str]  # an object, and its folder below the input, `/` between parts


def expand_remote(path: str, *, outputs: str, place: Place) -> Iterator[Found]:
    """The pictures that `s3://bucket/…` names, in the order of their keys; those in `outputs` are left out.

    Raises `MissingInput` where there is none, `PlaceError`.
    """
    # A key that exists is that picture, even when it has brackets in it.
    found = None if path.endswith("/") or path.count("/") < 3 else place.head(path)
    if found is not None:
        return iter([(found, "")])
    if MAGIC.search(path):
        return _glob(path, outputs, place)
    return _folder(path.rstrip("/"), outputs, place)


def _folder(root: str, outputs: str, place: Place) -> Iterator[Found]:
    if root == outputs:
        # The next run would style what this one made.
        raise MissingInput(root, "it is the destination as well, needed another one, such as a prefix inside")
    any_at_all = False
    for entry in place.list(root):
        any_at_all = True
        if has_picture_suffix(entry.name) and not is_inside(entry.name, outputs):
            yield entry, _folder_of(entry.name, root)
    if not any_at_all:
        raise MissingInput(root, "nothing is there, neither an object nor a prefix of some")


def _glob(pattern: str, outputs: str, place: Place) -> Iterator[Found]:
    parts = pattern.split("/")
    first = first_magic(parts)
    if first < 3:
        raise MissingInput(pattern, "got a pattern in the name of the bucket, needed its whole name")
    root, wanted = "/".join(parts[:first]), parts[first:]
    depth = None if "**" in wanted else len(wanted)
    found = False
    for entry in place.list(root, depth=depth):
        if matches(entry.name[len(root) + 1 :].split("/"), wanted) and not is_inside(entry.name, outputs):
            found = True
            yield entry, _folder_of(entry.name, root)
    if not found:
        raise MissingInput(pattern, f"matches no object in {root}")


def _folder_of(name: str, root: str) -> str:
    return name[len(root) + 1 :].rpartition("/")[0]
