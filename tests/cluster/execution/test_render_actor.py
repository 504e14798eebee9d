"""A manager's process stays small: the engine is loaded in the actor alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from giornata.cluster.execution.actor_metrics import NoMetrics
from giornata.cluster.execution.render_actor import RenderActor
from giornata.workers.settings import RenderSettings

HEAVY = ("torch", "skimage", "pandas")


def test_commands_that_only_manage_load_no_torch() -> None:
    code = (
        "import sys, giornata.cluster.cli.run, giornata.cluster.cli.up\n"
        "import giornata.cluster.execution.render_actor\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_call_that_fails_is_measured_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = RenderActor(RenderSettings(scratch=tmp_path), 1, False)
    seen: list[str] = []
    monkeypatch.setattr(actor.metrics, "observe", lambda stage, seconds: seen.append(stage))
    assert isinstance(actor.metrics, NoMetrics)
    with pytest.raises(AttributeError):
        actor.partials(None, None, (), ())  # type: ignore[arg-type]
    assert seen == ["statistics"]
    assert RenderActor.partials.__name__ == "partials"
