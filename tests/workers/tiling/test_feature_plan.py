import pytest
import torch

from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.workers.tiling.feature_plan import FeaturePlacement
from giornata.workers.tiling.features import (
    input_pixels,
    needed_bytes,
    plan_features,
)
from giornata.workers.tiling.grid import TileGrid


@pytest.fixture(scope="module")
def engine() -> FeedForwardEngine:
    return FeedForwardEngine(TransformerNetwork(styles=2, width=8, blocks=2), torch.tensor([[0.5, 0.5]]))


def test_features_go_to_memory_then_to_disk_then_nowhere(engine: FeedForwardEngine) -> None:
    grid = TileGrid(width=3000, height=2000, core_px=512, stride=4, halo_px=64, overlap_px=64)

    def chosen(memory_bytes: int, sharers: int, disk_bytes: int) -> FeaturePlacement:
        return plan_features(
            engine, grid, memory_bytes=memory_bytes, sharers=sharers, disk_bytes=disk_bytes
        ).keep

    assert chosen(1 << 30, 1, 0) is FeaturePlacement.MEMORY
    assert chosen(1 << 27, 1, 1 << 40) is FeaturePlacement.DISK
    assert chosen(1 << 27, 4, 1 << 40) is FeaturePlacement.MEMORY
    assert chosen(1, 4, 0) is FeaturePlacement.RECOMPUTE
    assert input_pixels(grid) > 3000 * 2000
    assert 3000 * 2000 * 3 < needed_bytes(grid, sample_bytes=1) < 3000 * 2000 * 15
