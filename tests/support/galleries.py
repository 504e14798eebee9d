"""A service with real photographs and a manager that works: a painter that is quick and needs no network."""

import hashlib
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageFilter, ImageOps

from giornata.cluster.dashboard.app_services import PageContext
from giornata.cluster.service.auth import Access
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.ports import WorkerSlot
from giornata.styles.library import Library
from tests.support.fakes import ended
from tests.support.services import STYLES, Place, serving

COUNT = 24  # pictures that can be painted, in the galleries of most tests
PATIENCE_S = 60.0
PHOTOS = ("chelsea", "coffee", "astronaut", "rocket")
NASTY = "<img src=x onerror=alert(1)>.png"
INKS = [("#14213d", "#f4efe3"), ("#5b2333", "#f7d9a8"), ("#173f35", "#f2e8c9"), ("#2b2d6e", "#ffd8c2")]


def hang_photos(folder: Path, *, count: int, side_px: int = 640) -> None:
    """Cut `count` pictures out of real photographs; one of them is torn, one has a nasty name."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = [Image.fromarray(np.asarray(getattr(skimage.data, name)())[..., :3]) for name in PHOTOS]
    for number in range(count):
        photo = whole[number % len(whole)]
        width, height = photo.size
        cut = 0.45 + 0.5 * ((number * 37) % 100) / 100
        wide, high = int(width * cut), int(width * cut * 0.75)
        high = min(high, height)
        left, top = (
            (width - wide) * ((number * 53) % 100) // 100,
            (height - high) * ((number * 71) % 100) // 100,
        )
        piece = photo.crop((left, top, left + wide, top + high))
        piece.resize((side_px, side_px * high // wide)).save(folder / f"plate-{number:04}.jpg", quality=88)
    piece.resize((320, 240)).save(folder / NASTY)
    data = (folder / "plate-0003.jpg").read_bytes()
    (folder / "torn.jpg").write_bytes(data[: len(data) // 2])


def until(holds: Callable[[], object]) -> None:
    """Wait until something has come about."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


class Painter:
    """Two workers that paint in two inks; what is torn they cannot read, unless `mended`.

    Sources whose names hold `slow` stay at work for as long as that says.
    """

    def __init__(self, *, pause_s: float = 0.05) -> None:
        self.pause_s = pause_s
        self.mended = False
        self.slow = ""
        self._queue: deque[Claim] = deque()

    def capacity(self) -> int:
        """At most four at once."""
        return 4 - len(self._queue)

    def submit(self, claim: Claim) -> None:
        """Take one."""
        self._queue.append(claim)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Paint the first in line."""
        quick = next(
            (claim for claim in self._queue if not (self.slow and self.slow in claim.task.source)), None
        )
        if quick is None:
            time.sleep(min(timeout_s, 0.1))
            return []
        time.sleep(self.pause_s)
        self._queue.remove(quick)
        return [self._paint(quick)]

    def _paint(self, claim: Claim) -> Outcome:
        worker = f"render-{len(self._queue) % 2}.0"
        if "torn" in claim.task.source and not self.mended:
            words = f"reading {claim.task.source}: the picture ends half way; needed a whole file"
            return ended(claim, OutcomeClass.BAD_INPUT, words, worker)
        begun = time.monotonic()
        with Image.open(claim.task.source) as photo:
            soft = ImageOps.posterize(photo.convert("L").filter(ImageFilter.ModeFilter(7)).convert("RGB"), 3)
            dark, light = INKS[sum(map(ord, claim.task.source)) % len(INKS)]
            made = ImageOps.colorize(soft.convert("L"), dark, light)
        temporary = Path(claim.temporary)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        made.save(temporary, "PNG" if claim.task.target.endswith(".png") else "JPEG")
        data = temporary.read_bytes()
        return Outcome(
            job_id=claim.job_id,
            item_id=claim.task.item_id,
            attempt=claim.attempt,
            outcome_class=OutcomeClass.DONE,
            seconds=time.monotonic() - begun + self.pause_s,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            width=made.width,
            height=made.height,
            worker=worker,
        )

    def cancel(self) -> None:
        """Drop everything."""
        self._queue.clear()

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Drop these."""
        self._queue = deque(claim for claim in self._queue if claim.key not in keys)

    def beats(self) -> Mapping[ClaimKey, float]:
        """Nothing is ever quiet."""
        return {}

    def mend(self, torn: Path) -> None:
        """Put a whole picture in the place of the torn one, and try it when asked again."""
        shutil.copy(torn.with_name("plate-0003.jpg"), torn)
        self.mended = True

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """Nothing is ever abandoned."""

    def workers(self) -> list[WorkerSlot]:
        """Two."""
        states = ["busy" if self._queue else "idle", "busy" if len(self._queue) > 1 else "idle"]
        job = self._queue[0].job_id if self._queue else ""
        pids = (os.getpid(), 1)  # the first one is this process
        return [
            WorkerSlot(f"render-{n}.0", state, "here", pids[n], job, "") for n, state in enumerate(states)
        ]

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """All go on."""


class Gallery(Place):
    """A place with photographs, a painter, and a manager in a thread."""

    def __init__(self, root: Path, *, count: int = 60) -> None:
        super().__init__(root)
        for path in (root / "scans").iterdir():
            path.unlink()
        hang_photos(root / "scans", count=count)
        self.painter = Painter()

    @contextmanager
    def open(self, *, access: Access | None = None, library: Library | None = None) -> Iterator[str]:
        """The address of its service, with the manager at work."""
        manager = JobManager(self.store, self.painter, self.publisher, STYLES)
        closed = threading.Event()
        working = threading.Thread(target=manager.serve, args=(closed.is_set,), name="manager")
        page_context = PageContext(home=self.root / "home", scratch=self.root / "scratch", library=library)
        working.start()
        try:
            with serving(self.job_service, access=access, page_context=page_context) as url:
                yield url
        finally:
            closed.set()
            working.join()
