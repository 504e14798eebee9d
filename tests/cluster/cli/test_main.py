"""What the shell sees: exit codes, one-line errors, clean standard output."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips
import skimage.data

from giornata import __version__
from giornata.cluster.cli.exits import Exit

WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder, and a photograph beside it."""
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    pyvips.Image.new_from_array(skimage.data.chelsea()).pngsave(str(tmp_path / "cat.png"))
    return tmp_path


def giornata(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*WORDS, *words], cwd=cwd, capture_output=True, text=True, timeout=200)


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


def test_styles_as_json_is_a_list_of_objects_with_names(home: Path) -> None:
    done = giornata("styles", "ls", "--json", cwd=home)
    assert done.returncode == 0
    names = [style["name"] for style in json.loads(done.stdout)]
    assert len(names) >= 8
    assert giornata("styles", "show", names[0], cwd=home).returncode == 0
    assert giornata("styles", "show", "nobody", cwd=home).returncode == Exit.REJECTED
    assert giornata("styles", "verify", cwd=home).returncode == 0


def test_render_makes_a_picture_of_the_same_size_and_never_overwrites(home: Path) -> None:
    words = ("render", "cat.png", "--style", "great-wave=1,udnie=3", "--strength", "0.8", "-o", "out.jpg")
    done = giornata(*words, "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["width"], result["height"]) == (451, 300)
    made = pyvips.Image.new_from_file(str(home / "out.jpg"))
    assert (made.width, made.height) == (451, 300)
    again = giornata(*words, cwd=home)
    assert again.returncode == Exit.REJECTED
    assert "--force" in again.stderr
    assert giornata(*words, "--force", cwd=home).returncode == 0
    over = giornata("render", "cat.png", "--style", "udnie", "--force", "-o", "cat.png", cwd=home)
    assert over.returncode == Exit.REJECTED
    assert sorted(path.name for path in home.iterdir()) == [
        "cat.png",
        "home",
        "out.jpg",
        "out.jpg.provenance.json",
    ]


def test_tiles_do_not_change_a_render(home: Path) -> None:
    for name, tile in (("tiled.png", "128"), ("whole.png", "2048")):
        words = ("render", "cat.png", "--style", "starry-night", "--tile", tile, "-o", name)
        assert giornata(*words, cwd=home).returncode == 0
    tiled, whole = (pyvips.Image.new_from_file(str(home / n)).numpy() for n in ("tiled.png", "whole.png"))
    assert abs(tiled.astype(int) - whole.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--style", "nobody"), Exit.REJECTED),
        (("--style", "udnie", "--engine", "optimization"), Exit.REJECTED),
        (("--style", "udnie", "--style-image", "cat.png"), Exit.USAGE),
        (("--style", "udnie", "--steps", "9"), Exit.USAGE),
        (("--style-image", "cat.png", "--alpha", "0", "--beta", "0"), Exit.REJECTED),
        (("--style-image", "cat.png", "--encoder", "vgg99"), Exit.REJECTED),
        (("--style", "udnie", "--strength", "1.5"), Exit.USAGE),
        (("--style", "udnie", "--statistics", "reference"), Exit.USAGE),
    ],
    ids=[
        "an unknown style",
        "a style that is no picture",
        "a style and a picture",
        "steps for a network",
        "nothing to minimise",
        "no such encoder",
        "a strength above one",
        "no reference",
    ],
)
def test_what_cannot_be_rendered_is_refused(home: Path, words: tuple[str, ...], code: Exit) -> None:
    done = giornata("render", "cat.png", *words, "-o", "out.png", cwd=home)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "out.png").exists()


def test_a_broken_picture_fails_with_its_reason(home: Path) -> None:
    (home / "page.jpg").write_text("<html><body>404</body></html>")
    done = giornata("render", "page.jpg", "--style", "udnie", "-o", "out.png", cwd=home)
    assert done.returncode == Exit.FAILED
    assert "<html>" in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("giornata:")]) == 1


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


def test_a_preview_shows_one_picture_in_every_style(home: Path) -> None:
    pyvips.Image.new_from_array(skimage.data.chelsea()).resize(0.3).pngsave(str(home / "kitten.png"))
    done = giornata("styles", "preview", "kitten.png", "-o", "sheet.png", "--cell", "96", cwd=home)
    assert done.returncode == 0, done.stderr
    sheet = pyvips.Image.new_from_file(str(home / "sheet.png"))
    assert sheet.width > 3 * 96
    assert sheet.height > 3 * 96
