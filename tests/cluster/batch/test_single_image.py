"""One image rendered here: never over a file that came while it was painted."""

from pathlib import Path

import pytest
from PIL import Image

from giornata.cluster.batch.single_image import render_and_publish, settings_here
from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.jobs.errors import TargetTaken
from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.task import RenderTask
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.rendering.renderer import Renderer
from tests.support.batches import wave_of


def test_a_target_that_appears_on_the_way_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a.png", tmp_path / "out.png"
    Image.new("RGB", (64, 48), (200, 90, 30)).save(source)
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    real = Renderer.render

    def slow(renderer: Renderer, task: RenderTask, temporary: Path) -> RenderResult:
        rendered = real(renderer, task, temporary)
        target.write_bytes(b"somebody else's")
        return rendered

    monkeypatch.setattr(Renderer, "render", slow)
    assert dispatch(["render", str(source), "--style", "udnie", "-o", str(target)]) == Exit.FAILED
    assert f"publishing {target}: a file of that name exists" in " ".join(capsys.readouterr().err.split())
    assert target.read_bytes() == b"somebody else's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "home", "out.png"]


def test_an_image_is_published_with_its_record_and_replaced_only_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    Image.new("RGB", (64, 48), (200, 90, 30)).save(tmp_path / "a.png")
    task = wave_of(tmp_path / "a.png", tmp_path / "out.png")
    made = render_and_publish(task, force=False)
    assert (made.width, made.height) == (64, 48)
    assert (tmp_path / "out.png").stat().st_size == made.bytes
    assert (tmp_path / "out.png.provenance.json").is_file()
    with pytest.raises(TargetTaken):
        render_and_publish(task, force=False)
    assert render_and_publish(task, force=True).sha256 == made.sha256
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["a.png", "home", "out.png", "out.png.provenance.json"]


def test_scratch_lies_at_home_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GIORNATA_SCRATCH", raising=False)
    settings = settings_here()
    assert settings.scratch == tmp_path / "home" / "scratch"
    assert settings.pictures == settings.scratch / PICTURES
    assert settings.style_folders == (tmp_path / "home" / "styles",)
    assert settings.lanes >= 1
    monkeypatch.setenv("GIORNATA_SCRATCH", str(tmp_path / "fast"))
    assert settings_here().scratch == tmp_path / "fast"
