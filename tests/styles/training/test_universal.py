"""A training of the universal network resumes, learns in both stages, and leaves what ships."""

from pathlib import Path

import pytest
import torch

from giornata.styles.errors import MissingPictures
from giornata.styles.training.universal import UniversalTrainer, missed
from giornata.styles.training.universal_recipe import (
    UniversalRecipe,
    UniversalStage,
)
from tests.styles.training.random_teachers import random_teachers
from tests.styles.training.universal_files import universal_files

torch.set_num_threads(1)
REBUILD = {"blocks": 0.5, "pixels": 30.0, "edges": 1.0, "seen": 0.5}
PAINT = {"style": 4.0, "content": 1.0, "variation": 0.05, "unrest": 3.0, "range": 20.0, "identity": 2.0}
DISTIL = {"pixels": 6.0, "seen": 1.0, "texture": 1.0, "identity": 3.0}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return universal_files(tmp_path_factory.mktemp("teachers"))


def recipe(rebuild: int, paint: int) -> UniversalRecipe:
    first = UniversalStage(
        kind="rebuild", steps=rebuild, batch=2, crop_px=64, peak_rate=1e-3, weights=REBUILD
    )
    second = UniversalStage(kind="paint", steps=paint, batch=2, crop_px=80, peak_rate=1e-4, weights=PAINT)
    return UniversalRecipe(name="small", trained_on="tests", stages=(first, second), painting_sides_px=(96,))


def trainer(files: dict[str, Path], work: Path, rebuild: int = 2, paint: int = 2) -> UniversalTrainer:
    folder = files["encoder"].parent
    return UniversalTrainer(
        recipe(rebuild, paint),
        photos=(folder / "astronaut.png",),
        paintings=(folder / "coffee.png",),
        work=work,
        **files,
    )


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = trainer(files, tmp_path / "whole")
    losses = [progress.parts for progress in whole.run()]
    first = trainer(files, tmp_path / "parts")
    for progress in first.run(checkpoint_every=1):
        if progress.step == 2:
            break
    second = trainer(files, tmp_path / "parts")
    assert second.resume() == 2
    assert [progress.parts for progress in second.run()] == losses[2:]


def test_painting_leaves_the_encoder_as_it_was(files: dict[str, Path], tmp_path: Path) -> None:
    work = trainer(files, tmp_path, rebuild=1, paint=2)
    run = work.run()
    next(run)
    encoder = work.network.opening(5).weight.detach().clone()
    decoder = work.network.reducer(1).weight.detach().clone()
    kinds = [progress.kind for progress in run]
    assert kinds == ["paint", "paint"]
    assert torch.equal(work.network.opening(5).weight, encoder)
    assert not torch.equal(work.network.reducer(1).weight, decoder)


def test_rebuilding_learns(files: dict[str, Path], tmp_path: Path) -> None:
    run = trainer(files, tmp_path, rebuild=40, paint=1).run()
    errors = [progress.parts["pixels"] for progress in run if progress.kind == "rebuild"]
    assert sum(errors[30:]) < 0.5 * sum(errors[:10])


def one_stage(
    files: dict[str, Path], work: Path, kind: str, steps: int, **weights: float
) -> UniversalTrainer:
    stage = {"kind": kind, "steps": steps, "batch": 2, "crop_px": 64, "peak_rate": 1e-3, "weights": weights}
    return UniversalTrainer(
        UniversalRecipe.model_validate({"name": "small", "trained_on": "tests", "stages": [stage]}),
        photos=(files["encoder"].parent / "astronaut.png",),
        paintings=(files["encoder"].parent / "coffee.png",),
        work=work,
        **files,
    )


def test_the_encoder_learns_to_see(files: dict[str, Path], tmp_path: Path) -> None:
    work = one_stage(files, tmp_path, "see", 40, sight=1.0, colours=1.0)
    picture = work.network.opening(1).weight.detach().clone()
    seen = [one.parts["sight"] for one in work.run()]
    assert sum(seen[30:]) < 0.8 * sum(seen[:10])
    assert torch.equal(work.network.opening(1).weight, picture)


def test_the_decoder_learns_to_paint_what_the_teacher_paints(files: dict[str, Path], tmp_path: Path) -> None:
    stage = UniversalStage(
        kind="distil", steps=30, batch=2, crop_px=64, peak_rate=1e-3, weights=DISTIL, pairs=3
    )
    sources = files["encoder"].parent
    work = UniversalTrainer(
        UniversalRecipe(name="small", trained_on="tests", stages=(stage,), painting_sides_px=(96,)),
        photos=(sources / "astronaut.png",),
        paintings=(sources / "coffee.png",),
        work=tmp_path,
        teachers=random_teachers(tmp_path / "teachers"),
        **files,
    )
    encoder = work.network.opening(5).weight.detach().clone()
    missing = [one.parts["pixels"] for one in work.run()]
    assert sum(missing[20:]) < 0.8 * sum(missing[:10])
    assert torch.equal(work.network.opening(5).weight, encoder)
    assert len(list((tmp_path / "pairs").iterdir())) == 3


def test_distilling_without_teachers_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    work = one_stage(files, tmp_path, "distil", 1, **DISTIL)
    with pytest.raises(MissingPictures, match="teachers"):
        next(work.run())


@pytest.mark.parametrize("kind", ["undo", "rebuild"])
def test_the_decoder_learns_and_the_encoder_is_left_alone(
    files: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    weights = {"blocks": 1.0} if kind == "undo" else {"blocks": 1.0, "pixels": 1.0, "edges": 1.0, "seen": 1.0}
    work = one_stage(files, tmp_path, kind, 40, **weights)
    before = [work.network.opening(level).weight.detach().clone() for level in range(1, 6)]
    missing = [one.parts["blocks"] for one in work.run()]
    assert sum(missing[30:]) < 0.9 * sum(missing[:10])
    assert all(torch.equal(work.network.opening(level).weight, before[level - 1]) for level in range(1, 6))


def test_what_is_missed_is_a_share_of_the_variance() -> None:
    wanted = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert float(missed(wanted, wanted)) == 0
    mean = wanted.mean((0, 2, 3), keepdim=True).expand_as(wanted)
    assert float(missed(mean, wanted)) == pytest.approx(1, rel=1e-5)
