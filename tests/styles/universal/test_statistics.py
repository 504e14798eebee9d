"""A file of statistics gives back what was saved, as float16 holds it; equal styles are equal files."""

from pathlib import Path

import numpy as np
import pytest

from giornata.styles.errors import BadStatistics, WeightsMismatch
from giornata.styles.universal.statistics import (
    LevelStatistics,
    StyleStatistics,
    check_network,
    folded,
    load_statistics,
    save_statistics,
    unfolded,
)

ENCODER = "c" * 64


def statistics(seed: int = 0) -> StyleStatistics:
    random = np.random.default_rng(seed)
    root = random.normal(size=(6, 6))
    return StyleStatistics((LevelStatistics(random.normal(size=6), root @ root.T),), ENCODER)


def test_what_was_saved_comes_back_as_float16_holds_it(tmp_path: Path) -> None:
    saved = statistics()
    save_statistics(saved, tmp_path / "one.safetensors")
    read = load_statistics(tmp_path / "one.safetensors")
    assert read.network == ENCODER
    assert np.allclose(read.levels[0].mean, saved.levels[0].mean, rtol=1e-3)
    assert np.allclose(read.levels[0].covariance, saved.levels[0].covariance, rtol=1e-2, atol=1e-2)
    assert np.linalg.eigvalsh(read.levels[0].covariance).min() >= 0


def test_equal_styles_are_equal_files(tmp_path: Path) -> None:
    files = []
    for number in range(8):  # an order drawn by chance would differ in one of them
        path = tmp_path / f"{number}.safetensors"
        save_statistics(statistics(), path)
        files.append(path.read_bytes())
    assert len(set(files)) == 1


def test_a_symmetric_matrix_is_folded_and_unfolded() -> None:
    matrix = statistics(1).levels[0].covariance
    assert np.array_equal(unfolded(folded(matrix)), matrix)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not a file of tensors")
    with pytest.raises(WeightsMismatch, match=r"no\.safetensors"):
        load_statistics(path)


def test_statistics_of_another_encoder_are_refused() -> None:
    with pytest.raises(BadStatistics, match="add the style again"):
        check_network([statistics()], "d" * 64)
