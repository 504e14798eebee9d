"""Several styles in one picture: every pixel's shares sum to one, and only what shows is painted."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giornata.jobs.spec.values import TaskRegion
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects import masks
from giornata.workers.effects.regions import as_rows, composed, region_labels, region_share, shows
from giornata.workers.errors import EffectRefused
from giornata.workers.tiling.grid import Box
from tests.workers.pictures import image

Samples = npt.NDArray[Any]


def patches(seed: int, count: int) -> Samples:
    """Labels in blobs, uint8, 48 x 64."""
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, count, (6, 8)), np.ones((8, 8))).astype(np.uint8)


def shares(labels: Samples, count: int, feather: float, folder: Path) -> list[Samples]:
    return [region_share(labels, n, feather_px=feather, target=folder / f"{n}.npy") for n in range(count)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 999), count=st.integers(1, 4), feather=st.sampled_from([0, 1, 5, 24]))
def test_equal_styles_compose_to_themselves_whatever_the_regions(
    tmp_path: Path, seed: int, count: int, feather: float
) -> None:
    labels = patches(seed, count)
    same = np.random.default_rng(seed).random((48, 64, 3), dtype=np.float32)
    made = composed([as_rows(same)] * count, shares(labels, count, feather, tmp_path), slice(0, 48))
    assert np.abs(made - same).max() < 1e-6


def test_two_neighbours_meet_at_half_and_sum_to_one(tmp_path: Path) -> None:
    labels = np.zeros((5, 40), np.uint8)
    labels[:, 20:] = 1
    left, right = (share[2] / 65535 for share in shares(labels, 2, 10, tmp_path))
    assert np.abs(left + right - 1).max() < 2e-5
    assert (left[:15] == 1).all()
    assert (right[25:] == 1).all()
    assert left[19] == pytest.approx(1 - left[20], abs=2e-5)
    assert (np.diff(left) <= 0).all()


def test_without_a_feather_the_border_is_hard(tmp_path: Path) -> None:
    labels = patches(3, 3)
    for label, share in enumerate(shares(labels, 3, 0, tmp_path)):
        assert np.array_equal(share == 65535, labels == label)
        assert np.array_equal(share == 0, labels != label)


def test_shares_do_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = region_share(patches(1, 3), 1, feather_px=7, target=tmp_path / "a.npy")
    monkeypatch.setattr(masks, "BLOCK_PX", 9)
    assert np.array_equal(region_share(patches(1, 3), 1, feather_px=7, target=tmp_path / "b.npy"), at_once)


def test_the_later_mask_lies_on_top(tmp_path: Path, sandbox: Sandbox) -> None:
    regions = []
    for name, columns in (("a", slice(0, 30)), ("b", slice(20, 40))):
        mask = np.zeros((20, 50), np.uint8)
        mask[:, columns] = 255
        image(mask).write_to_file(str(tmp_path / f"{name}.png"))
        regions.append(TaskRegion(mask=str(tmp_path / f"{name}.png"), mix={"x": 1.0}))
    labels, warnings = region_labels(regions, (20, 50), sandbox=sandbox, folder=tmp_path)
    assert labels[0].tolist() == [1] * 20 + [2] * 20 + [0] * 10
    assert warnings == ()


def test_more_regions_than_labels_are_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(EffectRefused, match="256, needed at most 255"):
        region_labels([TaskRegion(mask="m", mix={})] * 256, (4, 4), sandbox=sandbox, folder=tmp_path)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 999),
    top=st.integers(0, 40),
    left=st.integers(0, 56),
    feather=st.sampled_from([0, 6, 16]),
)
def test_where_a_style_is_said_not_to_show_it_has_no_weight(
    tmp_path: Path, seed: int, top: int, left: int, feather: float
) -> None:
    labels, box = patches(seed, 3), Box(top, left, top + 8, left + 8)
    share = region_share(labels, 1, feather_px=feather, target=tmp_path / "s.npy")
    if not shows(labels, 1, box, margin_px=int(feather / 2 + 1) + 1):
        assert (share[box.top : box.bottom, box.left : box.right] == 0).all()
