"""Names of files and objects: URLs, attempts, and what lies beside a deliverable."""

import hashlib
import os
import re
import unicodedata
from pathlib import Path, PurePath

from giornata.jobs.spec.naming import MAX_COMPONENT_BYTES, REMOTE, safe_component

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")


_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|$)")


PREFIX = ".giornata-"  # of what is not meant to be seen


def is_url(path: str) -> bool:
    """Whether a path names a place on the network, such as `s3://bucket/set/`."""
    return _URL.match(path) is not None


def wrong_url(path: str) -> str:
    """The fault of a network name, in words; empty when it names a bucket or an object."""
    if not path.startswith(REMOTE):
        return f"got {path.partition('://')[0]}://, needed a local path or s3://bucket/prefix"
    return "" if _BUCKET.match(path) else "needed s3://, the name of a bucket, and a prefix or key"


def is_inside(name: str, folder: str) -> bool:
    """Whether a file or object is somewhere below a folder, by their absolute names."""
    return name.startswith(folder.rstrip("/") + "/")


def base_name(name: str) -> str:
    """The last part of a name."""
    return name.rsplit("/", 1)[-1]


def sidecar_of(deliverable: Path) -> Path:
    """The path of the record beside a deliverable, be that a final name or an attempt's."""
    return _beside(deliverable, SIDECAR)


def credentials_of(deliverable: Path) -> Path:
    """The path of the signed manifest beside a deliverable, be that a final name or an attempt's."""
    return _beside(deliverable, CREDENTIALS)


def companions_of(deliverable: Path) -> tuple[Path, ...]:
    """The companions of a deliverable, which come and go with it: its record, and its signed manifest."""
    return sidecar_of(deliverable), credentials_of(deliverable)


def companion_names(deliverable: str) -> tuple[str, ...]:
    """The same names beside a file or an object."""
    folder, _, last = deliverable.rpartition("/")
    return tuple(f"{folder}/{path.name}" for path in companions_of(Path(last)))


def _beside(deliverable: Path, suffix: str) -> Path:
    name = deliverable.name + suffix
    return deliverable.with_name(
        name if len(os.fsencode(name)) <= MAX_COMPONENT_BYTES else safe_component(name)
    )


# What `attempt_name` makes; `job` is the job's tag.
ATTEMPT = re.compile(
    r"\.giornata-(?P<item>[^-]+)-(?P<attempt>\d+)(-(?P<job>[0-9a-f]{8}))?\.part(\.[^.]*)?(\.provenance\.json|\.c2pa)?"
)


SIDECAR = ".provenance.json"  # what the record beside a deliverable adds to its name


CREDENTIALS = ".c2pa"  # and what its signed manifest does


def fold(target: str | Path) -> str:
    """The form in which two targets are the same file on some file system: case-folded, NFC."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(target)).casefold())


def item_id_of(target: str | Path) -> str:
    """20 hexadecimal digits that stay the same for the same target, in every run."""
    return hashlib.blake2b(fold(target).encode(), digest_size=ITEM_ID_BYTES).hexdigest()


def attempt_place(target: str | Path, item_id: str, attempt: int, *, job_id: str = "") -> str:
    """The name that attempt number `attempt` writes to: hidden, beside the target, with the target's suffix.

    Two jobs may share a target, so the job is part of the name.
    """
    folder, name = os.path.split(str(target))
    tag = f"-{job_tag(job_id)}" if job_id else ""
    return os.path.join(  # noqa: PTH118 - a name in a bucket is no path
        folder, f".giornata-{item_id}-{attempt}{tag}.part{PurePath(name).suffix}"
    )


def attempt_name(target: str | Path, item_id: str, attempt: int, *, job_id: str = "") -> Path:
    """`attempt_place` on a local disk."""
    return Path(attempt_place(target, item_id, attempt, job_id=job_id))


def job_tag(job_id: str) -> str:
    """8 hexadecimal digits that stand for a job in the names of its attempts."""
    return hashlib.blake2b(job_id.encode(), digest_size=4).hexdigest()


def located(path: str, *, base: Path) -> str:
    """The absolute name that a path stands for, of a file or of an object."""
    return path.rstrip("/") if is_url(path) else str(absolute(path, base=base))


def absolute(path: str, *, base: Path) -> Path:
    """`path` from `base`, with `~` and `..` resolved and symlinks left alone."""
    # Path.resolve would follow links, which give a picture another name.
    return Path(os.path.abspath(base / os.path.expanduser(path)))  # noqa: PTH100, PTH111


ITEM_ID_BYTES = 10  # 80 bits: two of a million targets share one with probability 4e-13
