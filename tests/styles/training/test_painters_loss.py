import torch

from giornata.styles.training.painters import TrainingFiles
from giornata.styles.training.painters_loss import ChannelStatistics, PaintersLoss, lattice

torch.set_num_threads(2)


def test_the_quick_statistics_have_the_gradients_of_the_plain_ones() -> None:
    features = torch.rand(2, 5, 6, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    features.requires_grad_()
    slopes = torch.rand(2, 5, 5, dtype=torch.float64)

    def plain(x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(2)
        centred = flat - flat.mean(2, keepdim=True)
        covariance = torch.bmm(centred, centred.transpose(1, 2)) / flat.shape[2]
        return (covariance * slopes).sum() + flat.mean(2).square().sum()

    def quick(x: torch.Tensor) -> torch.Tensor:
        mean, covariance = ChannelStatistics.apply(x)
        return (covariance * slopes).sum() + mean.square().sum()

    (one,), (other,) = (torch.autograd.grad(way(features), features) for way in (plain, quick))
    assert (one - other).abs().max() < 1e-5


def test_a_painting_is_nearest_to_itself(files: TrainingFiles) -> None:
    loss = PaintersLoss(files.encoder, files.deep_encoder)
    ochre, azure = (torch.rand(3, 64, 64) * shade for shade in (0.9, 0.3))
    loss.learn_styles([ochre, azure])
    made = torch.stack([ochre, ochre])
    found = loss(made, made, torch.tensor([0, 1]), torch.Generator().manual_seed(0))
    assert found.style[0] < 0.5 * found.style[1]
    assert found.content.max() < 0.2


def test_a_grid_of_the_networks_stride_is_a_lattice_and_noise_is_none() -> None:
    noise = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(5))
    grid = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(6)).repeat(1, 1, 32, 32)
    assert lattice(noise) < 0.03
    assert lattice(grid) > 0.8
    assert lattice(torch.linspace(0, 1, 128).expand(1, 3, 128, 128)) < 0.01
