"""A style is learnt from any picture, in tiles, and kept in a small file."""

from pathlib import Path

import numpy as np
import pytest

from giornata.styles.errors import BadStylePicture, WeightsMismatch
from giornata.styles.universal.learn import learn_statistics
from giornata.styles.universal.network import SHIPPED
from giornata.styles.universal.statistics import StyleStatistics, load_statistics, save_statistics
from tests.styles.universal.cases import IDENTITY, network, picture, statistics


def nearly(one: StyleStatistics, other: StyleStatistics, *, rtol: float) -> bool:
    """Whether means and covariances agree up to a share of the largest number."""
    pairs = [
        pair
        for a, b in zip(one.levels, other.levels, strict=True)
        for pair in ((a.mean, b.mean), (a.covariance, b.covariance))
    ]
    return all(np.abs(a - b).max() <= rtol * np.abs(a).max() for a, b in pairs)


@pytest.mark.parametrize("core_px", [16, 48, 80])
def test_tiles_do_not_change_what_is_learnt(core_px: int) -> None:
    pixels = picture(150, 131)
    whole = learn_statistics(network(), pixels, identity=IDENTITY)
    assert [len(level.mean) for level in whole.levels] == list(SHIPPED.widths)
    assert nearly(whole, learn_statistics(network(), pixels, identity=IDENTITY, core_px=core_px), rtol=1e-5)


def test_samples_of_any_depth_are_one_picture() -> None:
    small = (picture(64, 80) * 255).round().astype(np.uint8)
    found = learn_statistics(network(), small, identity=IDENTITY)
    for other in (small.astype(np.uint16) * 257, (small / 255).astype(np.float32)):
        assert nearly(found, learn_statistics(network(), other, identity=IDENTITY), rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 2), (3, 40), (31, 33), (2, 900)])
def test_small_and_narrow_pictures_are_mirrored(shape: tuple[int, int]) -> None:
    found = learn_statistics(network(), picture(*shape), identity=IDENTITY)
    assert all(np.isfinite(level.covariance).all() for level in found.levels)


@pytest.mark.parametrize("shape", [(1, 1), (50, 60)])
def test_one_colour_is_no_style(shape: tuple[int, int]) -> None:
    with pytest.raises(BadStylePicture, match="navy: got one colour"):
        learn_statistics(network(), np.full((*shape, 3), 0.2, np.float32), identity=IDENTITY, name="navy")


def test_who_waits_hears_of_every_tile() -> None:
    heard: list[int] = []
    pixels = picture(96, 64)
    learn_statistics(network(), pixels, identity=IDENTITY, core_px=32, tick=lambda: heard.append(1))
    assert len(heard) == 6


def test_a_file_gives_back_what_was_saved_as_near_as_half_precision(tmp_path: Path) -> None:
    save_statistics(statistics(), tmp_path / "a.safetensors")
    back = load_statistics(tmp_path / "a.safetensors")
    assert back.network == IDENTITY
    assert nearly(statistics(), back, rtol=2e-3)
    assert (tmp_path / "a.safetensors").stat().st_size < 150_000
    save_statistics(statistics(), tmp_path / "b.safetensors")
    again = load_statistics(tmp_path / "b.safetensors")
    for one, other in zip(back.levels, again.levels, strict=True):
        assert np.array_equal(one.covariance, other.covariance)
    for level in back.levels:
        assert np.linalg.eigvalsh(level.covariance).min() > -1e-9


def test_what_is_no_file_of_statistics_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"words")
    with pytest.raises(WeightsMismatch, match=r"a\.safetensors"):
        load_statistics(tmp_path / "a.safetensors")
