import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.planning.estimate import expand
from giornata.jobs.planning.validate import LIBRARY, Signing, signing_of, signing_problems
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
SIGNED = {"credentials": True}


@pytest.fixture
def named(tmp_path: Path) -> dict[str, str]:
    """An environment that names two files; nobody looks inside of them before something is signed."""
    for name in ("chain.pem", "key.pem"):
        (tmp_path / name).write_text("not looked at")
    return {"GIORNATA_C2PA_CERT": str(tmp_path / "chain.pem"), "GIORNATA_C2PA_KEY": str(tmp_path / "key.pem")}


def test_signing_is_what_the_environment_names() -> None:
    assert signing_of({}) is None
    assert signing_of({"GIORNATA_C2PA_CERT": "a.pem"}) is None
    both = {"GIORNATA_C2PA_CERT": "a.pem", "GIORNATA_C2PA_KEY": "b.pem"}
    assert signing_of(both) == Signing(Path("a.pem"), Path("b.pem"))
    assert signing_of(both | {"GIORNATA_C2PA_ALGORITHM": "ps256"}).algorithm == "ps256"  # type: ignore[union-attr]


def test_a_job_that_wants_credentials_and_names_no_key_is_refused_before_it_starts(
    spec_of: SpecOf, tmp_path: Path, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("a.jpg")
    for name in ("GIORNATA_C2PA_CERT", "GIORNATA_C2PA_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PlanRefused, match="GIORNATA_C2PA_KEY is not set, needed the path of a PEM file"):
        list(expand(spec_of(metadata=SIGNED), base=tmp_path, styles=StyleNames("wave")))
    (task,) = expand(spec_of(), base=tmp_path, styles=StyleNames("wave"))
    assert not task.credentials


def test_files_that_are_not_there_and_unknown_algorithms_are_told_without_their_paths(
    spec_of: SpecOf, named: dict[str, str]
) -> None:
    gone = named | {"GIORNATA_C2PA_KEY": "/nowhere/secret.pem", "GIORNATA_C2PA_ALGORITHM": "rot13"}
    words = "\n".join(signing_problems(spec_of(metadata=SIGNED), gone))
    assert "GIORNATA_C2PA_KEY names no file" in words
    assert "secret" not in words
    assert "got 'rot13', needed one of es256" in words


@pytest.mark.skipif(not importlib.util.find_spec(LIBRARY), reason="needs the extra c2pa")
def test_a_folder_of_tiles_cannot_be_signed_and_a_zip_can(spec_of: SpecOf, named: dict[str, str]) -> None:
    assert not list(signing_problems(spec_of(metadata=SIGNED), named))
    folder, zipped = {"format": "dzi"}, {"format": "dzi", "container": "zip"}
    assert not list(signing_problems(spec_of(metadata=SIGNED, outputs=[zipped]), named))
    (problem,) = signing_problems(spec_of(metadata=SIGNED, outputs=[{}, folder]), named)
    assert problem.startswith(
        "planning outputs[1]: metadata.credentials sign one file, got a folder of tiles"
    )


def test_an_output_that_was_delivered_unsigned_is_one_of_other_settings(
    spec_of: SpecOf, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    pictures("a.jpg")
    (plain,) = expand(spec_of(), base=tmp_path, styles=StyleNames("wave"))
    signed = plain.model_copy(update={"credentials": True})
    assert signed.content_key() != plain.content_key()
    assert signed.master_key() == plain.master_key()
