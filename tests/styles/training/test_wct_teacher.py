"""The cascade's colouring is exact, a batch is painted as each of its pictures alone, pairs are kept."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

from giornata.styles.training.data import PhotoCrops
from giornata.styles.training.teacher_pairs import TeacherPairs
from giornata.styles.training.wct_teacher import (
    DOUBLED_BEFORE,
    ENCODER,
    LEVELS,
    FeatureStatistics,
    WctTeacher,
    coloured,
)
from tests.styles.training.random_teachers import random_teachers


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of five levels, drawn at random, and two pictures."""
    folder = tmp_path_factory.mktemp("teachers")
    random_teachers(folder)
    Image.fromarray(data.astronaut()).resize((96, 96)).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).resize((128, 96)).save(folder / "coffee.png")
    return folder


def test_coloured_features_have_the_paintings_covariance() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 6, 20, 20, generator=generator) * torch.arange(1, 7).view(1, 6, 1, 1)
    style = FeatureStatistics.of(torch.randn(2, 6, 15, 30, generator=generator).cumsum(1) + 4)
    made = FeatureStatistics.of(coloured(features, style))
    assert made.mean.numpy() == pytest.approx(style.mean.numpy(), abs=1e-4)
    assert made.covariance.numpy() == pytest.approx(style.covariance.numpy(), abs=1e-3)


def test_features_without_full_rank_stay_finite() -> None:
    flat = torch.ones(1, 6, 9, 9)
    assert torch.isfinite(coloured(flat, FeatureStatistics.of(flat))).all()


def test_a_batch_is_painted_as_each_picture_alone(teachers: Path) -> None:
    assert set(ENCODER) >= DOUBLED_BEFORE
    teacher = WctTeacher(teachers)
    generator = torch.Generator().manual_seed(2)
    photos = torch.rand(2, 3, 48, 64, generator=generator)
    styles = [teacher.statistics(torch.rand(1, 3, 64, 48, generator=generator)) for _ in range(2)]
    both = {level: FeatureStatistics.stacked([styles[0][level], styles[1][level]]) for level in LEVELS}
    alpha = torch.tensor([0.3, 0.9])
    made = teacher(photos, both, alpha, deepest=4)
    for index in range(2):
        alone = teacher(photos[index : index + 1], styles[index], alpha[index : index + 1], deepest=4)
        assert (made[index] - alone[0]).abs().max() < 1e-3
    assert (made[0] - photos[0]).abs().max() > 0.01


def test_pairs_follow_from_their_number_and_are_kept(teachers: Path, tmp_path: Path) -> None:
    def pairs(name: str) -> TeacherPairs:
        crops = PhotoCrops.of_files([teachers / "astronaut.png"], crop_px=64)
        return TeacherPairs(
            tmp_path / name, teachers, crops, [teachers / "coffee.png"], sides_px=(64, 96), seed=1
        )

    first, second = pairs("one"), pairs("two")
    third = first.get(3)
    first.get(0)
    found = second.get(3)
    assert torch.equal(found.photo, third.photo)
    assert torch.equal(found.painted, third.painted)
    assert (found.row, found.deepest, found.structure) == (third.row, third.deepest, third.structure)
    assert third.photo.shape == third.painted.shape == (3, 64, 64)
    kept = tmp_path / "one" / "000003.safetensors"
    written = kept.stat().st_mtime_ns
    assert torch.equal(pairs("one").get(3).painted, third.painted)
    assert kept.stat().st_mtime_ns == written
    assert not list((tmp_path / "one").glob("*.part"))
