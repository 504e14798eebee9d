from pathlib import Path

from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.rendering.renderer import OpenWorkDir, Renderer
from tests.workers.rendering.image_tasks import task_of


def test_a_prepared_image_is_valid_for_every_process_that_sees_the_scratch(
    tmp_path: Path, source: Path, renderer: Renderer
) -> None:
    task = task_of(source, tmp_path / "a.png")
    with renderer.context.folder() as folder:
        prepared = renderer.prepare(task, OpenWorkDir(folder, lasting=False))
        assert PreparedImage.model_validate_json(prepared.model_dump_json()) == prepared
        assert prepared.painting == prepared.decoded
        assert prepared.strips.parent == prepared.folder
        assert prepared.task_of(task) is task
        weaker = prepared.model_copy(update={"strength": 0.25})
        assert weaker.task_of(task) == task.model_copy(update={"strength": 0.25})


def test_seconds_of_steps_are_added_to_those_before(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    with renderer.context.folder() as folder:
        task = task_of(source, tmp_path / "a.png")
        prepared = renderer.prepare(task, OpenWorkDir(folder, lasting=False))
    bare = prepared.model_copy(update={"seconds": {}})
    later = bare.timed("decode", 10.0, lambda: 12.5).timed("style", 12.5, lambda: 12.0)
    assert later.seconds == {"decode": 2.5, "style": 0.0}
    assert bare.seconds == {}
