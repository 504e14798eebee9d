import pytest
import torch

from giornata.cluster.bench.blocks import SIZES_PX, measure


def test_every_size_of_block_is_compared_with_the_plain_network() -> None:
    threads = torch.get_num_threads()
    try:
        rows = measure(style="great-wave", styles="", side_px=64, threads=1)
    finally:
        torch.set_num_threads(threads)
    assert [row.name for row in rows] == ["plain network", *(f"blocks of {size} px" for size in SIZES_PX)]
    assert rows[0].ratio == 1
    for row in rows:
        assert row.megapixels_per_s > 0
        assert row.ratio == pytest.approx(row.megapixels_per_s / rows[0].megapixels_per_s)
