import torch

from giornata.styles.feedforward.network import NetworkShape, TransformerNetwork
from giornata.styles.training.painters_norm import painted

torch.set_num_threads(2)


def test_the_pass_of_training_is_the_networks_own_and_so_are_its_gradients() -> None:
    torch.manual_seed(0)
    shape = NetworkShape(down=(8, 12, 12), blocks=2, up=(8, 8), smooth=True)
    network = TransformerNetwork(styles=3, shape=shape)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.5, 0.3)
    pixels, weights = torch.rand(2, 3, 32, 48), torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    slope = torch.rand(2, 3, 32, 48)
    found = []
    for made in (network(pixels, weights), painted(network, pixels, weights)):
        network.zero_grad()
        (made * slope).sum().backward()
        found.append((made.detach(), [p.grad.clone() for p in network.parameters() if p.grad is not None]))
    assert (found[0][0] - found[1][0]).abs().max() < 1e-5
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert (one - other).norm() < 1e-3 * max(1.0, float(one.norm()))
