"""What training paints is what the engine paints."""

import pytest
import torch

from giornata.styles.universal.batch_transform import BatchStatistics, painted
from giornata.styles.universal.engine import UniversalOptions
from giornata.styles.universal.network import FIRST, SECOND, UniversalShape
from tests.styles.universal.cases import engine, network, picture, statistics
from tests.styles.universal.cases import painted as painted_in_tiles


@pytest.mark.parametrize("shape", [FIRST, SECOND], ids=["first", "second"])
@pytest.mark.parametrize("levels", [4, 5])
def test_a_batch_is_painted_as_the_engine_paints_each(shape: UniversalShape, levels: int) -> None:
    pixels = [picture(96, 128, seed=seed) for seed in (1, 2)]
    made = engine(UniversalOptions(levels=levels, structure=0.3), shape=shape)
    styles = [
        BatchStatistics(*(torch.from_numpy(part).float()[None] for part in (level.mean, level.covariance)))
        for level in statistics(shape=shape).levels
    ]
    batch = torch.from_numpy(pixels[0])[None], torch.from_numpy(pixels[1])[None]
    with torch.no_grad():
        features = network(shape).encode(torch.cat(batch).permute(0, 3, 1, 2))
        together = painted(
            network(shape),
            features,
            [BatchStatistics(one.mean.expand(2, -1), one.covariance.expand(2, -1, -1)) for one in styles],
            deepest=torch.tensor([levels, levels]),
            structure=torch.tensor([0.3, 0.3]),
        ).permute(0, 2, 3, 1)
    for one, other in zip(pixels, together, strict=True):
        alone, _ = painted_in_tiles(made, one, 1024)
        spread = float(alone.std())
        assert float((alone - other.clamp(0, 1)).abs().mean()) < 0.02 * max(spread, 0.05)
