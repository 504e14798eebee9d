"""SHA-256 and size of a deliverable, which is a file or a folder: the same on every machine."""

import hashlib
from pathlib import Path

HASH_BLOCK_BYTES = 1 << 20


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def tree_files(folder: Path) -> list[Path]:
    """All files below `folder`, sorted by their paths' bytes, so that every machine agrees on the order."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        files, key=lambda path: path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
    )


def tree_sha256(folder: Path) -> str:
    """SHA-256, in hexadecimal, of the lines "sha256, two spaces, relative path" of all files of `folder`.

    What `sha256sum` prints for them in sorted order, so that a receiver can check it without us.
    """
    digest = hashlib.sha256()
    for path in tree_files(folder):
        name = path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
        digest.update(file_sha256(path).encode() + b"  " + name + b"\n")
    return digest.hexdigest()


def tree_bytes(folder: Path) -> int:
    """Bytes of all files of `folder` together."""
    return sum(path.stat().st_size for path in tree_files(folder))


def deliverable_sha256(path: Path) -> str:
    """`tree_sha256` of a folder, `file_sha256` of a file."""
    return tree_sha256(path) if path.is_dir() else file_sha256(path)


def deliverable_bytes(path: Path) -> int:
    """`tree_bytes` of a folder, the length of a file."""
    return tree_bytes(path) if path.is_dir() else path.stat().st_size
