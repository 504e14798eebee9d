"""Which phases are worth the disk, and files that hold one of them at any moment."""

import errno
import os
from itertools import combinations
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from giornata.styles.engine import TileSnapshot
from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.moments import Moments
from giornata.workers.tiling import features
from giornata.workers.tiling.features import (
    FeatureFiles,
    checkpoints,
)


@pytest.fixture(scope="module")
def engine() -> FeedForwardEngine:
    return FeedForwardEngine(TransformerNetwork(styles=2, width=8, blocks=2), torch.tensor([[0.5, 0.5]]))


def cost(engine: FeedForwardEngine, phases: tuple[int, ...], work_per_byte: float) -> float:
    """What all phases and the painting cost, step by step."""
    total, at = 0.0, -1
    for phase in range(engine.phases + 1):
        total += sum(engine.work_per_px(step) for step in range(at + 1, phase + 1))
        if at >= 0:
            total += engine.thawing_per_px(at) + engine.frozen_bytes_per_px(at) * work_per_byte
        if phase in phases:
            total += engine.frozen_bytes_per_px(phase) * work_per_byte
            at = phase
    return total


@pytest.mark.parametrize("work_per_byte", [1.0, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize("bytes_per_px", [0.0, 8.5, 100.0])
def test_no_other_checkpoints_are_cheaper(
    engine: FeedForwardEngine, work_per_byte: float, bytes_per_px: float
) -> None:
    chosen = tuple(sorted(checkpoints(engine, bytes_per_px=bytes_per_px, work_per_byte=work_per_byte)))
    allowed = [p for p in range(engine.phases) if engine.frozen_bytes_per_px(p) <= bytes_per_px]
    assert set(chosen) <= set(allowed)
    every = (some for count in range(len(allowed) + 1) for some in combinations(allowed, count))
    assert cost(engine, chosen, work_per_byte) == pytest.approx(
        min(cost(engine, some, work_per_byte) for some in every)
    )


def frozen(phase: int, dtype: torch.dtype = torch.float32) -> TileSnapshot:
    made = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(phase)).to(dtype)
    sums = np.random.default_rng(phase).random((2, 2))
    return TileSnapshot(phase, Moments(12, sums[0], sums[1]), (made, made * 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_tile_comes_back_as_it_was_and_older_ones_go(tmp_path: Path, dtype: torch.dtype) -> None:
    files = FeatureFiles(tmp_path / "features", (1, 3, 5))
    assert files.load(0, 5) is None
    for phase in (1, 3):
        assert files.save(0, frozen(phase, dtype))
    back = files.load(0, 4)
    assert back is not None
    assert back.phase == 3
    assert all(torch.equal(a, b) for a, b in zip(back.tensors, frozen(3, dtype).tensors, strict=True))
    assert files.load(0, 2) is None
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_a_full_disk_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: BinaryIO, frozen: TileSnapshot) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = FeatureFiles(tmp_path / "features", (1, 3))
    assert files.save(4, frozen(1))
    monkeypatch.setattr(features, "_write", full)  # a disk cannot be filled in a test
    assert not files.save(4, frozen(3))
    kept = files.load(4, 3)
    assert kept is not None
    assert kept.phase == 1
    assert len(list((tmp_path / "features").iterdir())) == 1
