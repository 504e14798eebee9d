import pytest
import torch

from giornata.styles.universal.network import (
    FIRST,
    SECOND,
    NetworkReach,
    UniversalNetwork,
    UniversalShape,
    seeded,
)


@pytest.mark.parametrize("shape", [FIRST, SECOND], ids=["first", "second"])
@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_no_pixel_depends_on_anything_beyond_the_halo(levels: int, shape: UniversalShape) -> None:
    reach, cell = NetworkReach(levels, shape), 1 << (levels - 1)
    made = positive(seeded(2, shape)).double()
    middle = 16 * -(-reach.halo_px // 16)
    side = 2 * middle + 16
    inputs = (0.6 + 0.4 * torch.rand(1, 3, side, side, dtype=torch.float64)).requires_grad_()
    output = made.decode(made.encode(inputs, levels)[-1], levels)
    for phase in sorted({0, cell // 2, cell - 1}):
        at = middle + phase
        (gradient,) = torch.autograd.grad(output[0, :, at, at].sum(), inputs, retain_graph=True)
        rows = gradient[0].abs().sum((0, 2)).nonzero().flatten()
        # A tile's core begins and ends at multiples of the stride: its first and last pixels are the worst.
        assert middle - rows.min() <= reach.halo_px
        assert rows.max() - (middle + cell - 1) <= reach.halo_px


def positive(made: UniversalNetwork) -> UniversalNetwork:
    """The network with weights above nought, so that nothing cancels and no rectifier cuts."""
    for parameter in made.parameters():
        parameter.data = parameter.data.abs() + 1e-3
    return made


def test_a_network_whose_first_level_is_the_picture_gives_it_back() -> None:
    pixels = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))
    network = seeded(4, SECOND)
    with torch.no_grad():
        (level,) = network.encode(pixels, 1)
        assert torch.allclose(level, pixels, atol=1e-6)
        assert torch.allclose(network.decode(level, 1), pixels, atol=1e-6)
