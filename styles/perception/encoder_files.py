"""Which file an encoder's weights come from, and what tells one version of them from the next.

A file of its own because planning asks without loading torch.
"""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[1] / "encoders" / "compact.safetensors"
AUTO, COMPACT_NAME, VGG19_NAME = "auto", "compact", "vgg19"
TORCHVISION_FILE = "vgg19-dcbb9e9d.pth"


def torchvision_file() -> Path:
    """Where torchvision keeps its VGG-19, whether it is there or not: as `torch.hub.get_dir` says."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser()
    return home / "hub" / "checkpoints" / TORCHVISION_FILE


def encoder_file(name: str) -> Path:
    """The file behind `auto`, `compact`, `vgg19` or a path, whether it is there or not."""
    match name:
        case "auto":
            cached = torchvision_file()
            return cached if cached.is_file() else SHIPPED
        case "compact":
            return SHIPPED
        case "vgg19":
            return torchvision_file()
    return Path(name)


def encoder_version(name: str) -> str:
    """Version of the weights behind `name`: a hash for files that we know, size and time for others."""
    path = encoder_file(name)
    if path == torchvision_file():
        return TORCHVISION_FILE  # its name holds its hash
    try:
        status = path.stat()
    except OSError:
        return str(path)  # reading it will fail with the reason
    if path == SHIPPED:
        return _sha256(path, status.st_mtime_ns)
    return f"{status.st_size}-{status.st_mtime_ns}"


@lru_cache(maxsize=4)
def _sha256(path: Path, stamp_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
