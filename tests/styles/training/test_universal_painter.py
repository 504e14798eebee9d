from pathlib import Path

import torch

from giornata.styles.training.universal_painter import UniversalPainter
from giornata.styles.universal.loader import save_network
from giornata.styles.universal.network import seeded


def drawn(seed: int, count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 64, 96, generator=torch.Generator().manual_seed(seed))


def test_each_picture_of_a_batch_is_painted_after_its_own_painting(tmp_path: Path) -> None:
    save_network(seeded(1), tmp_path / "network.safetensors")
    paintings = [drawn(1)[0], drawn(2)[0].square()]
    paint = UniversalPainter(tmp_path / "network.safetensors", paintings, device=torch.device("cpu"))
    batch = drawn(3, 2)
    together = paint(batch, torch.tensor([1, 0]), structure=0.2)
    assert together.shape == batch.shape
    assert 0 <= together.min() <= together.max() <= 1
    for row, painting in enumerate((1, 0)):
        alone = paint(batch[row : row + 1], torch.tensor([painting]), structure=0.2)
        assert torch.allclose(together[row : row + 1], alone, atol=1e-3)
    other = paint(batch, torch.tensor([0, 0]), structure=0.2)
    assert not torch.allclose(together[0], other[0], atol=1e-2)
