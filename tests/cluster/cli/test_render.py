"""`giornata render` never writes over a file that came while it was at work."""

from pathlib import Path

import pytest
from PIL import Image

from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.jobs.model.task import RenderTask
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.rendering.renderer import Renderer


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
