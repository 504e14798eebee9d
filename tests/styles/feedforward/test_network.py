import pytest
import torch

from giornata.styles.engine import collect_totals, render_tile
from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.feedforward.network import STRIDE, NetworkShape, TransformerNetwork, classic_shape

torch.set_num_threads(1)


MIX = torch.tensor([[0.3, 0.7]])


SHAPES = {
    "classic": classic_shape(8, 2),
    "smooth": NetworkShape(down=(8, 12, 16), blocks=2, up=(12, 8), smooth=True),
}


@pytest.mark.parametrize(
    ("shape", "halo_px"),
    [
        (classic_shape(8, 5), 64),
        (NetworkShape((8, 12, 16), 6, (12, 8), smooth=True), 72),
        (NetworkShape((8, 8, 8), 1, (8, 8), smooth=True), 32),
    ],
    ids=["classic", "six smooth blocks", "one smooth block"],
)
def test_the_halo_covers_the_receptive_field(shape: NetworkShape, halo_px: int) -> None:
    """With totals held fixed, a changed pixel reaches as far as the shape says, and no further."""
    torch.manual_seed(3)
    engine = FeedForwardEngine(TransformerNetwork(styles=2, shape=shape).eval(), MIX)
    pixels = torch.rand(32, 400, 3, generator=torch.Generator().manual_seed(2))
    core = (slice(0, 32), slice(0, 400))
    totals = tuple(collect_totals(engine, pixels))
    plain, reach = render_tile(engine, pixels, core, totals), 0
    for column in range(200, 204):
        changed = pixels.clone()
        changed[:, column] = 1 - changed[:, column]
        difference = (render_tile(engine, changed, core, totals) - plain).abs()
        columns = difference.amax((0, 2)).nonzero().flatten()
        reach = max(reach, column - int(columns.min()), int(columns.max()) - column)
    assert shape.reach_px - 6 <= reach <= shape.reach_px <= shape.halo_px
    assert engine.halo_px == shape.halo_px == halo_px
    assert halo_px % STRIDE == 0


def test_a_shape_reads_back_as_written() -> None:
    for shape in SHAPES.values():
        assert NetworkShape.from_text(shape.as_text()) == shape
