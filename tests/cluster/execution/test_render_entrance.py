"""A manager's process stays small: the entrance passes calls on, and loads the engine in the actor alone."""

import inspect
import subprocess
import sys

from giornata.cluster.execution.measured_actor import MeasuredActor
from giornata.cluster.execution.render_entrance import RenderEntrance

HEAVY = ("torch", "skimage", "pandas")


def test_commands_that_only_manage_load_no_torch() -> None:
    code = (
        "import sys, giornata.cluster.cli.run, giornata.cluster.cli.run, giornata.cluster.cli.up\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_entrance_has_every_method_of_the_actor() -> None:
    def methods(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}

    assert methods(RenderEntrance) == methods(MeasuredActor)
