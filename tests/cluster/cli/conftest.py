"""A home with a photograph, a store at home, and commands carried out in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pyvips
import skimage.data

from giornata.cluster.cli import options as reach
from giornata.cluster.cli.main import dispatch
from tests.support.services import Place, serving

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder, and a photograph beside it."""
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    pyvips.Image.new_from_array(skimage.data.chelsea()).pngsave(str(tmp_path / "cat.png"))
    return tmp_path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A store at `GIORNATA_HOME`, and no service at the usual place."""
    made = Place(tmp_path)
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    for name in ("GIORNATA_URL", "GIORNATA_TOKEN", "GIORNATA_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(reach, "PORT", 9)
    monkeypatch.chdir(tmp_path)
    with made.store:
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Carries a command out in this process: its exit code, and what it wrote to both streams."""

    def carry_out(*words: str) -> tuple[int, str]:
        code = dispatch(list(words))
        said = capsys.readouterr()
        return code, said.out + said.err

    return carry_out


@pytest.fixture(params=["service", "store"])
def anywhere(
    request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A place reached through its service, or without one."""
    if request.param == "store":
        yield place
        return
    with serving(place.job_service) as url:
        monkeypatch.setenv("GIORNATA_URL", url)
        yield place
