"""What the shell sees: exit codes, one-line errors, clean standard output."""

import json
import subprocess
import sys
from pathlib import Path

from giornata import __version__
from giornata.cluster.cli.exits import Exit
from tests.cluster.cli.shell import giornata


def test_the_version_and_the_list_of_styles_need_no_torch(home: Path) -> None:
    code = (
        "import sys; from giornata.cluster.cli.main import dispatch; "
        "dispatch(['--version']); dispatch(['styles', 'ls']); dispatch(['plan', '--help']); "
        "sys.exit(3 if 'torch' in sys.modules or 'ray' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=home)
    assert done.returncode == 0, done.stderr
    assert f"giornata {__version__}" in done.stdout
    assert "great-wave" in done.stdout


def test_an_unknown_command_is_a_wrong_usage_with_a_guess(home: Path) -> None:
    done = giornata("rnder", cwd=home)
    assert done.returncode == Exit.USAGE
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "did you mean 'render'?" in done.stderr


def test_plan_counts_and_refuses_before_anything_is_rendered(home: Path) -> None:
    (home / "job.yaml").write_text(
        "name: small\ninputs: [cat.png]\nstyles: [udnie, great-wave]\ndestination: out\n"
    )
    done = giornata("plan", "job.yaml", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["pictures"], report["items"]) == (1, 2)
    assert len(report["first_targets"]) == 2
    assert not (home / "out").exists()
    (home / "job.yaml").write_text(
        "name: small\ninputs: [cat.png]\nstyles: [udnie, great-wave]\n"
        'destination: out\ntemplate: "{stem}{ext}"\n'
    )
    refused = giornata("plan", "job.yaml", cwd=home)
    assert refused.returncode == Exit.REJECTED
    (home / "job.yaml").write_text("name: small\ninputs: [cat.png]\nstyle: [udnie]\ndestination: out\n")
    wrong = giornata("plan", "job.yaml", cwd=home)
    assert wrong.returncode == Exit.USAGE
    assert "line 3" in wrong.stderr


def test_the_doctor_examines_everything(home: Path) -> None:
    done = giornata("doctor", "--json", cwd=home)
    checks = {check["name"]: check["verdict"] for check in json.loads(done.stdout)}
    assert checks["torch"] == checks["pyvips"] == checks["styles"] == "ok"
