"""The specs of `examples/` can be planned as they stand, on the photographs that the demonstration writes."""

import shutil
from pathlib import Path

import pytest

from giornata.cluster.batch.planning import make_plan
from giornata.cluster.cli.demo import write_inputs
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.spec.loader import load_spec

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
# Outputs of each: a new example says here what it makes.
OUTPUTS = {"campaign": 3 * 3 * 2, "heritage": 5, "large": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(EXAMPLES, folder / "examples")
    write_inputs(folder / "demo-out")
    return folder


def planned(folder: Path, name: str) -> PlanReport:
    spec = load_spec(folder / "examples" / f"{name}.yaml")
    return make_plan(spec, folder / "examples")


def test_every_example_is_known_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(OUTPUTS)


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_example_runs_as_it_stands(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIORNATA_HOME", str(folder / "home"))
    report = planned(folder, name)
    assert (report.items, report.unreadable_total) == (OUTPUTS[name], 0)
    assert report.tiles >= report.masters
