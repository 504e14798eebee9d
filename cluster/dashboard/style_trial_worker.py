"""The process that tries styles: one small image per line of standard input, at the back of the queue."""

import json
import os
import sys
from pathlib import Path

import torch

from giornata.jobs.model.task import RenderTask
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

NICE = 10  # batches come first


def main() -> None:
    """Render until standard input ends; each answer is JSON whose `problem` is empty if all is well."""
    os.nice(NICE)
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody else may speak there
    renderer = Renderer(RenderSettings.model_validate_json(sys.argv[1]))
    try:
        for line in sys.stdin:
            answers.write(json.dumps({"problem": _render(renderer, json.loads(line))}) + "\n")
            answers.flush()
    finally:
        renderer.close()


def _render(renderer: Renderer, request: dict[str, str]) -> str:
    try:
        renderer.render(RenderTask.model_validate_json(request["task"]), Path(request["target"]))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    main()
