import csv
from pathlib import Path

import pytest
import pyvips

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.init import Starter, write_starter
from giornata.cluster.cli.main import dispatch
from giornata.jobs.planning.estimate import PlanReport, plan
from giornata.jobs.spec.loader import load_spec
from giornata.workers.decoding.measure import HeaderMeasure


@pytest.fixture(params=list(Starter))
def starter(request: pytest.FixtureRequest) -> Starter:
    return Starter(request.param)


def planned(path: Path) -> PlanReport:
    with HeaderMeasure() as measure:
        return plan(
            load_spec(path), base=path.parent, styles=InstalledStyles(user_library()), measure=measure
        )


def test_a_starter_is_a_spec_that_could_run_at_once(tmp_path: Path, starter: Starter) -> None:
    report = planned(write_starter(starter, tmp_path / "new"))
    assert report.unreadable == ()
    expected = {Starter.CAMPAIGN: (2, 39, 6), Starter.HERITAGE: (4, 12, 4)}
    assert (report.pictures, report.items, report.masters) == expected[starter]
    assert report.enlarged == 0


def test_every_line_is_explained(tmp_path: Path, starter: Starter) -> None:
    lines = write_starter(starter, tmp_path).read_text().splitlines()
    for number, line in enumerate(lines):
        plain = line.strip()
        if plain and not plain.startswith("#"):
            assert "#" in lines[number - 1], f"line {number + 1} says {plain!r} and nobody says why"


def test_what_is_there_is_left_alone(tmp_path: Path, starter: Starter) -> None:
    spec = write_starter(starter, tmp_path)
    pictures = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    with pytest.raises(CommandRefused, match="it is there already"):
        write_starter(starter, tmp_path)
    spec.unlink()
    write_starter(starter, tmp_path)
    pictures.pop(spec)
    assert all(path.stat().st_mtime_ns == moment for path, moment in pictures.items())


def test_sample_scans_have_what_scans_have(tmp_path: Path) -> None:
    write_starter(Starter.HERITAGE, tmp_path)
    with (tmp_path / "collection.csv").open(newline="") as file:
        paths = [tmp_path / row["path"] for row in csv.DictReader(file)]
    for path in paths:
        scan = pyvips.Image.new_from_file(str(path))
        assert (scan.format, round(scan.xres * 25.4)) == ("ushort", 300)
        assert scan.get_typeof("icc-profile-data")


def test_the_command_says_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert dispatch(["init", "campaign"]) == Exit.DONE
    assert "giornata run campaign.yaml" in capsys.readouterr().out
    assert dispatch(["init", "campaign"]) == Exit.REJECTED
    assert dispatch(["plan", "campaign.yaml", "--price-per-hour", "360"]) == Exit.DONE
    out = capsys.readouterr().out
    assert "styled pictures" in out
    assert "EUR" in out
    assert "rendered/en/astronaut_great-wave_0.6_1.91x1.jpg" in out
