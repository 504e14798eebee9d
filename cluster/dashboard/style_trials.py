"""`StyleTrials`: styles tried on small images, in a child process that is started when it is needed."""

import contextlib
import hashlib
import json
import os
import secrets
import selectors
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import giornata
from giornata.atomic_file import atomic_write
from giornata.cluster.dashboard.work_queue import BoundedFolder, Maker, PreviewUnavailable, WorkQueue
from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskUniversal
from giornata.jobs.spec.enums import EngineKind, PictureFormat
from giornata.jobs.spec.style import StyleImage
from giornata.styles.library import EngineName, Library
from giornata.styles.universal.network_files import load_network_card
from giornata.workers.decoding.options import Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import RenderError
from giornata.workers.settings import RenderSettings

SIDE_PX = 640  # of what styles are tried on
THUMB_PX = 320  # the same for the small images of a page that shows every style
MOST_BYTES = 128 * 1024**2
WAITING = 24  # a page of styles at once; somebody who moves a slider goes first
DEADLINE_S = 120.0  # the first one imports torch on a busy machine
MEMORY_BYTES = 512 * 1024**2
UPLOAD_PIXELS = 120_000_000


@dataclass(frozen=True)
class StyleTrial:
    """A small image and its style: a mix of styles by name, or the style of another image."""

    image: Path
    mix: tuple[tuple[str, float], ...]
    strength: float
    style: Path | None = None


class StyleTrials:
    """The trials of one service; any thread may ask."""

    def __init__(self, folder: Path, library: Library) -> None:
        self._folder, self.library = folder, library
        self._kept = BoundedFolder(folder / "trials", most_bytes=MOST_BYTES)
        self._samples = BoundedFolder(folder / "samples", most_bytes=MOST_BYTES // 4)
        self.queue: WorkQueue[StyleTrial] = WorkQueue(self._making, waiting=WAITING)

    def ask(self, trial: StyleTrial) -> "Future[Path]":
        """A future of the styled image; it raises `PreviewUnavailable` for what cannot be done."""
        cards = [self.library.find(name).card for name, _ in trial.mix]
        versions = [card.version for card in cards]
        if trial.style or any(card.engine is EngineName.UNIVERSAL for card in cards):
            versions.append(load_network_card().sha256)
        style = trial.style.name if trial.style else ""
        identity = repr((trial.image.name, trial.mix, style, round(trial.strength, 3), versions))
        key = hashlib.sha256(identity.encode()).hexdigest()[:40]
        return self._kept.lookup(key) or self.queue.ask(self._kept.path_of(key), trial)

    def sample(self, key: str) -> Path | None:
        """An uploaded image; None when it is not kept."""
        path = self._samples.path_of(key)
        return path if key.isalnum() and path.is_file() else None

    def take(self, data: bytes) -> str:
        """Keep an uploaded image, small; its key. Raises `Rejected` for what is no image we can read.

        It is opened in the decoding process only, and what is kept is written there anew.
        """
        key = secrets.token_hex(16)
        target = self._samples.path_of(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        given = target.with_suffix(".upload")
        try:
            given.write_bytes(data)
            with Sandbox(Limits(max_pixels=UPLOAD_PIXELS)) as sandbox:
                sandbox.thumbnail(given, target, side_px=SIDE_PX)
            self._samples.count(target.stat().st_size)
        finally:
            given.unlink(missing_ok=True)
        return key

    def house_sample(self, side_px: int = SIDE_PX) -> Path:
        """The photograph that styles are shown on without an upload, within `side_px`."""
        # Imported when it is needed: it costs half a second.
        import skimage.data

        target = self._folder / f"sample-{side_px}.jpg"
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            source = Path(skimage.data.__file__).parent / "coffee.png"
            with Sandbox() as sandbox, atomic_write(target) as part:
                sandbox.thumbnail(source, part, side_px=side_px)
        return target

    def close(self) -> None:
        """End the process."""
        self.queue.close()

    @contextmanager
    def _making(self) -> Iterator[Maker[StyleTrial]]:
        with TrialProcess(self._folder / "scratch", self.library.own_folders) as trial_process:
            yield lambda target, trial: self._make(trial_process, target, trial)

    def _make(self, trial_process: "TrialProcess", target: Path, trial: StyleTrial) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(6)}.part.jpg")
        task = RenderTask(
            item_id=target.stem,
            source=str(trial.image),
            target=str(temporary),
            style_label="trial",
            engine=EngineKind.UNIVERSAL if trial.style else EngineKind.FEEDFORWARD,
            mix=dict(trial.mix),
            universal=TaskUniversal(images=(StyleImage(path=str(trial.style)),)) if trial.style else None,
            strength=trial.strength,
            format=PictureFormat.JPEG,
            sidecar=False,
        )
        try:
            trial_process.paint(task, temporary)
            self._kept.count(temporary.stat().st_size)
            temporary.replace(target)
        finally:
            for left in target.parent.glob(f"{temporary.stem}*"):
                left.unlink(missing_ok=True)


class TrialProcess:
    """A child process with a renderer, started by the first image; belongs to one thread."""

    def __init__(self, scratch: Path, folders: tuple[Path, ...]) -> None:
        self._settings = RenderSettings(scratch=scratch, style_folders=folders, memory_bytes=MEMORY_BYTES)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def paint(self, task: RenderTask, target: Path) -> None:
        """Render a task to `target`. Raises `PreviewUnavailable` with what went wrong."""
        process = self._process = self._process or self._start()
        assert process.stdin and process.stdout  # noqa: S101 - opened as pipes
        request = json.dumps({"task": task.model_dump_json(), "target": str(target)})
        try:
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                answer = process.stdout.readline() if selector.select(DEADLINE_S) else b""
        except BrokenPipeError:
            answer = b""
        if not answer:
            self.close()
            raise PreviewUnavailable("the process that tries styles ended, or took too long")
        if problem := json.loads(answer)["problem"]:
            raise PreviewUnavailable(problem)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            self._process = None

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if name in PASSED_ON}
        environment |= {"PYTHONPATH": str(Path(giornata.__file__).parent.parent), "VIPS_CONCURRENCY": "1"}
        command = [sys.executable, "-P", "-m", "giornata.cluster.dashboard.style_trial_worker"]
        return subprocess.Popen(
            [*command, self._settings.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )


PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


def style_trials_in(home: Path | None, library: Library | None) -> StyleTrials | None:
    """The style trials of a service whose state lives in `home`; None without one, or without a library."""
    return None if home is None or library is None else StyleTrials(home / "studio", library)


def refusal_of(error: Exception) -> str:
    """Why an upload was refused, without the names of our own files."""
    return str(error.args[-1]) if isinstance(error, RenderError) and error.args else type(error).__name__
