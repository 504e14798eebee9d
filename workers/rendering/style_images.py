"""Style images of the universal engine: read reduced, learnt once a machine, and kept on scratch."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from giornata.jobs.model.task_style import TaskUniversal
from giornata.jobs.storage.hashing import file_sha256
from giornata.styles.threads import one_thread
from giornata.styles.universal.learn import learn_statistics
from giornata.styles.universal.loader import shipped_network
from giornata.styles.universal.network_files import load_network_card
from giornata.styles.universal.statistics import StyleStatistics, load_statistics, save_statistics
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected, Unreadable
from giornata.workers.rendering.cache import StyledImageCache
from giornata.workers.source import RejectCode

READING = "1"  # raised whenever the same image would be read or learnt as something else
KEPT = 512  # files of a few hundred KB; the longest unused go
PIXELS = "pixels.npy"


def learn_style_image(
    path: Path, *, size_px: int, sandbox: Sandbox, scratch: Path, tick: Callable[[], None] = lambda: None
) -> StyleStatistics:
    """Statistics of the picture at `path`, its short side reduced to `size_px`, by the network that ships.

    On the CPU and on one thread, so that they are the same everywhere. Raises `BadStylePicture`, and what
    decoding raises.
    """
    network, encoder = shipped_network()
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="style-", dir=scratch) as folder, one_thread():
        pixels = Path(folder) / PIXELS
        sandbox.style_image(path, pixels, short_px=size_px)
        tick()
        network = network.to(memory_format=torch.channels_last)  # as engines keep it
        return learn_statistics(
            network, np.load(pixels, mmap_mode="r"), identity=encoder, name=path.name, tick=tick
        )


@dataclass(frozen=True)
class StyleImages:
    """Statistics learnt of style images, in the folder `root`, which the processes of one machine share.

    `tick` is called while working and waiting; what it raises ends that.
    """

    root: Path
    sandbox: Sandbox
    tick: Callable[[], None] = field(default=lambda: None)

    def statistics(self, universal: TaskUniversal) -> tuple[StyleStatistics, ...]:
        """The statistics of every image of a style, in order. Raises as `learn_style_image`."""
        return tuple(self._statistics(Path(image.path), universal.size_px) for image in universal.images)

    def keys(self, universal: TaskUniversal) -> tuple[str, ...]:
        """Keys of the images, which change with the network they are learnt with. Raises `Rejected`."""
        return tuple(self._key(Path(image.path), universal.size_px) for image in universal.images)

    def _key(self, path: Path, size_px: int) -> str:
        return f"{image_sha256(path)[:32]}-{load_network_card().encoder[:16]}-{size_px}-{READING}"

    def _statistics(self, path: Path, size_px: int) -> StyleStatistics:
        key = self._key(path, size_px)
        place = self.root / f"{key}.safetensors"
        if not place.is_file():
            with StyledImageCache(self.root).build_lock(key, self.tick):
                if not place.is_file():
                    self._learn(path, size_px, place)
        os.utime(place)
        return _loaded(place)

    def _learn(self, path: Path, size_px: int, place: Path) -> None:
        statistics = learn_style_image(
            path, size_px=size_px, sandbox=self.sandbox, scratch=self.root, tick=self.tick
        )
        # Kept statistics are rounded, and used as they were kept: the first picture is like all others.
        keep_statistics(statistics, place)
        files = sorted(self.root.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
        for old in files[:-KEPT]:
            old.unlink(missing_ok=True)


def keep_statistics(statistics: StyleStatistics, place: Path) -> None:
    """As `save_statistics`, with the same bytes on any number of threads."""
    with threadpool_limits(1, user_api="blas"):
        save_statistics(statistics, place)


def image_sha256(path: Path) -> str:
    """SHA-256 of a style image, read again only when its size or time changed. Raises `Rejected`."""
    try:
        facts = path.stat()
        return _sha256(path, facts.st_size, facts.st_mtime_ns)
    except FileNotFoundError as error:
        raise Rejected(str(path), RejectCode.MISSING, "no such file") from error
    except OSError as error:
        raise Unreadable(str(path), error.strerror or str(error)) from error


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    return file_sha256(path)


@lru_cache(maxsize=16)
def _loaded(place: Path) -> StyleStatistics:
    # The hash of the image is the file's name: its content never changes.
    return load_statistics(place)
