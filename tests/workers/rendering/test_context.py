from pathlib import Path

import pytest

from giornata.workers.decoding.options import Limits
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from tests.workers.rendering.image_tasks import task_of


def test_a_folder_of_scratch_is_gone_afterwards_whatever_happened(renderer: Renderer) -> None:
    context = renderer.context
    with context.folder() as folder:
        (folder / "a.npy").write_bytes(b"x")
        assert folder.parent == context.settings.scratch
    assert not folder.exists()
    with pytest.raises(ZeroDivisionError), context.folder() as folder:
        _ = 1 / 0
    assert not folder.exists()
    assert context.new_folder() != context.new_folder()


def test_a_task_is_read_within_the_limits_of_its_renderer(tmp_path: Path, source: Path) -> None:
    context = RenderContext(RenderSettings(scratch=tmp_path, limits=Limits(max_pixels=1_000)))
    try:
        task = task_of(source, tmp_path / "a.png")
        assert context.decode_options(task).limits.max_pixels == 1_000
        own = task.model_copy(update={"limits": {"max_pixels": 500}})
        assert context.decode_options(own).limits.max_pixels == 500
    finally:
        context.close()


def test_tiles_are_as_asked_or_as_the_memory_allows(tmp_path: Path, source: Path, renderer: Renderer) -> None:
    context, task = renderer.context, task_of(source, tmp_path / "a.png")
    engine = context.engine(task)
    asked = context.grid_of(task.model_copy(update={"tile_px": 128}), engine, 1_000, 800)
    assert (asked.core_px, asked.width, asked.height) == (128, 1_000, 800)
    assert asked.overlap_px == task.overlap_px
    usual = context.grid_of(task, engine, 4_000, 3_000)
    assert usual.core_px > 128
    assert usual.core_px % engine.stride == 0
