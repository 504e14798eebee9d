"""`giornata evaluate` from the shell: a small evaluation, whole; votes; refusals in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.styles.evaluation.lpips import VARIABLE
from tests.cluster.evaluation.tiny_set import TinySet, tiny_set

STYLES = "great-wave,the-scream"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinySet:
    """Photographs, paintings, judging networks and teachers, all tiny."""
    return tiny_set(tmp_path_factory.mktemp("evaluation"))


def evaluate(tiny: TinySet, out: Path, *more: str) -> int:
    words = ["--photos", str(tiny.photos), "--paintings", str(tiny.paintings), "--styles", STYLES]
    return dispatch(["evaluate", *words, "--size", "96", "--out", str(out), *more])


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights from anywhere but the command line."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))


def test_its_help_needs_no_torch() -> None:
    code = (
        "import sys; from giornata.cluster.cli.main import dispatch; dispatch(['evaluate', '--help']); "
        "sys.exit(3 if 'torch' in sys.modules or 'ray' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--held-out" in done.stdout


@pytest.mark.usefixtures("bare")
def test_two_photographs_and_two_styles_make_a_table_a_plot_and_a_sheet_a_method(
    tiny: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    every = {"unchanged", "palette", "painters", "gatys", "wct-0.5", "wct-0.8", "microast"}
    given = ("--lpips", str(tiny.lpips), "--teachers", str(tiny.teachers), "--steps", "2", "--held-out")
    given += ("--methods", ",".join(sorted(every)))
    assert evaluate(tiny, out, *given, "--json") == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    rows = {(row["method"], row["unseen"]): row for row in told["rows"]}
    assert {name for name, unseen in rows if not unseen} == every
    assert {name for name, unseen in rows if unseen} == every - {"painters"}
    floor, painted = rows["unchanged", False]["measures"], rows["painters", False]["measures"]
    assert (floor["ssim"]["mean"], floor["lpips"]["mean"], floor["dots"]["mean"]) == (1, 0, 1)
    assert painted["seam_step"]["mean"] < 0.01
    assert {"squeeze_3", "alex_3", "edge_f1", "psnr_0", "cpu_s_per_mpx", "to_palette"} <= painted.keys()
    assert rows["painters", False]["images"] == 4
    assert told["missing"] == {"vgg19": "no VGG-19 file; give --vgg"}
    files = {path.name for path in out.iterdir()}
    assert files == {"table.md", "table.json", "scatter.svg", "images"} | {f"sheet-{m}.jpg" for m in every}
    with Image.open(out / "sheet-gatys.jpg") as sheet:
        assert sheet.width > sheet.height > 256 * 2
    assert len(list((out / "images" / "painters").rglob("*.png"))) == 4


@pytest.mark.usefixtures("bare")
def test_without_judges_columns_are_missing_and_everything_else_is_measured(
    tiny: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate(tiny, tmp_path / "out", "--methods", "painters") == Exit.DONE
    said = capsys.readouterr().out
    assert "LPIPS-Alex: not measured: no LPIPS v0.1 heads" in said
    assert "SqueezeNet 3: not measured: no SqueezeNet 1.1 file" in said
    table = (tmp_path / "out" / "table.md").read_text()
    assert "SSIM ↑" in table
    assert "not measured" in (tmp_path / "out" / "scatter.svg").read_text()


@pytest.mark.usefixtures("bare")
def test_vote_writes_blind_pairs_of_what_was_painted_and_reads_answers(
    tiny: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    given = ("--methods", "painters,microast", "--teachers", str(tiny.teachers))
    assert evaluate(tiny, out, *given) == Exit.DONE
    assert dispatch(["evaluate", "--vote", "--out", str(out)]) == Exit.DONE
    assert "not measured: nobody voted" in capsys.readouterr().out
    key = json.loads((out / "vote" / "key.json").read_text())
    for person in ("ann", "ben", "cid"):
        answers = {"token": key["token"], "person": person, "answers": {"1": "left"}}
        (out / "vote" / f"answers-{person}.json").write_text(json.dumps(answers))
    assert dispatch(["evaluate", "--vote", "--out", str(out)]) == Exit.DONE
    assert "3 answers of 3 people, 0 of whom answered 60" in capsys.readouterr().out
    assert "Bradley" not in (out / "table.md").read_text()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], Exit.USAGE, "needed --photos and --paintings, or --data"),
        (["--vote", "--out", "nowhere"], Exit.REJECTED, "needed a folder that giornata evaluate has written"),
        (["--data", "nowhere"], Exit.REJECTED, "no folder"),
        (
            ["--photos", ".", "--paintings", ".", "--styles", "lost"],
            Exit.REJECTED,
            "'lost': not in the library",
        ),
    ],
    ids=["nothing", "no evaluation to vote on", "no data", "no such style"],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(
    words: list[str],
    code: Exit,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dispatch(["evaluate", *words]) == code
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_an_unknown_method_names_those_there_are(
    tiny: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate(tiny, tmp_path / "out", "--methods", "monet") == Exit.REJECTED
    assert "got monet, needed some of unchanged, palette, painters, " in capsys.readouterr().err
