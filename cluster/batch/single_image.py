"""One image rendered and published by this process, without Ray."""

import os
import secrets
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

from giornata.cluster.batch.progress import work_words
from giornata.cluster.settings import Machine, home_folder
from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.paths import attempt_name
from giornata.jobs.model.task import RenderTask
from giornata.jobs.storage.local import discard, publish
from giornata.workers.device import keep_freed_memory
from giornata.workers.optimization.runner import OptimizationProgress
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

MEMORY_BYTES = 4 << 30  # one image has the machine to itself


def render_and_publish(task: RenderTask, *, force: bool) -> RenderResult:
    """Render to an attempt's name beside the target, then move it there. Raises `TargetTaken`."""
    keep_freed_memory()
    torch.set_num_threads(1)  # blocks on lanes scale better than threads inside one convolution
    target = Path(task.target)
    temporary = attempt_name(target, task.item_id, secrets.randbelow(1_000_000))
    renderer = Renderer(settings_here())
    console = Console(stderr=True)
    try:
        with console.status(f"rendering {Path(task.source).name} …") as status:
            renderer.context.watch = lambda progress: status.update(progress_words(task, progress))
            rendered = renderer.render(task, temporary)
        publish(temporary, target, replace=force)
    finally:
        discard(temporary, target)
        renderer.close()
    return rendered


def settings_here() -> RenderSettings:
    """Settings of a renderer in this process: it may use all of the machine."""
    home = home_folder()
    scratch = Path(os.environ.get("GIORNATA_SCRATCH") or home / "scratch")
    return RenderSettings(
        scratch=scratch,
        pictures=scratch / PICTURES,
        style_folders=(home / "styles",),
        memory_bytes=MEMORY_BYTES,
        lanes=Machine.detect().cpus,
    )


def progress_words(task: RenderTask, progress: OptimizationProgress) -> str:
    """How far an optimisation is, in the words of a batch."""
    work = asdict(progress) | {"steps_per_s": 1 / progress.seconds if progress.seconds else None}
    return f"optimising {work_words(Path(task.source).name, work)}"
