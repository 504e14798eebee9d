import pytest
import torch

from giornata.styles.feedforward.blocks import blocks

torch.set_num_threads(1)


@pytest.mark.parametrize("length", [16, 100, 127 * 2, 640])
def test_blocks_cover_a_map_once_and_begin_on_even_rows(length: int) -> None:
    seen = torch.zeros(length, 48)
    for y0, y1, x0, x1 in blocks(length, 48, 32):
        assert y0 % 2 == x0 % 2 == 0
        seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()
