import pytest
import torch

from giornata.styles.engine import render_tile
from giornata.styles.errors import BadStatistics
from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.feedforward.network import NetworkShape, TransformerNetwork, classic_shape

torch.set_num_threads(1)


MIX = torch.tensor([[0.3, 0.7]])


SHAPES = {
    "classic": classic_shape(8, 2),
    "smooth": NetworkShape(down=(8, 12, 16), blocks=2, up=(12, 8), smooth=True),
}


@pytest.fixture(scope="module", params=SHAPES)
def network(request: pytest.FixtureRequest) -> TransformerNetwork:
    torch.manual_seed(11)
    made = TransformerNetwork(styles=2, shape=SHAPES[request.param]).eval()
    for stage in made.normalised():
        torch.nn.init.normal_(stage.table, 0.5, 0.4)
    return made


def test_a_tile_without_all_totals_is_refused(network: TransformerNetwork) -> None:
    engine = FeedForwardEngine(network, MIX)
    pixels = torch.rand(16, 16, 3)
    core = (slice(0, 16), slice(0, 16))
    with pytest.raises(BadStatistics, match="needs 9"):
        render_tile(engine, pixels, core, ())
    with pytest.raises(BadStatistics):
        engine.open(pixels, core).finish()
