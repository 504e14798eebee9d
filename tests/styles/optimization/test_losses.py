"""Losses are the formulas they are named after, and conventions differ by the factors that are told."""

import pytest
import torch

from giornata.styles.optimization.losses import (
    STYLE_LOSSES,
    Convention,
    LayerStatistics,
    StyleTerm,
    content_factor,
    gram_loss,
    statistics_of,
    sums_of,
    variation_sum,
    wasserstein_loss,
)

torch.set_num_threads(1)


def features(seed: int, channels: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    noise = torch.randn(channels, 9 * 11, generator=generator, dtype=torch.float64)
    return (mixed @ noise).relu().view(channels, 9, 11)


def statistics(seed: int) -> LayerStatistics:
    return statistics_of(sums_of(features(seed)))


@pytest.mark.parametrize("term", list(StyleTerm))
@pytest.mark.parametrize("convention", list(Convention))
def test_a_style_is_at_no_distance_from_itself(term: StyleTerm, convention: Convention) -> None:
    one, other = statistics(1), statistics(2)
    assert float(STYLE_LOSSES[term](one, one, convention)) == pytest.approx(0, abs=1e-6)
    assert float(STYLE_LOSSES[term](one, other, convention)) > 1e-3


def test_conventions_differ_by_the_factors_told() -> None:
    f, g = features(1), features(2)
    n, m = 5, 99
    one, other = statistics(1), statistics(2)
    difference = f.flatten(1) @ f.flatten(1).T - g.flatten(1) @ g.flatten(1).T
    paper = difference.square().sum() / (4 * n**2 * m**2)
    elements = (difference / (n * m)).square().mean()
    assert float(gram_loss(one, other, Convention.PAPER)) == pytest.approx(float(paper))
    assert float(gram_loss(one, other, Convention.ELEMENTS)) == pytest.approx(float(elements))
    assert float(paper) == pytest.approx(float(elements) * n**2 / 4)
    assert content_factor(Convention.PAPER, elements=n * m, energy=1.0) == pytest.approx(
        content_factor(Convention.ELEMENTS, elements=n * m, energy=1.0) * n * m / 2
    )


def test_the_wasserstein_distance_of_independent_channels_is_known() -> None:
    means = [torch.tensor([1.0, 2.0]).double(), torch.tensor([0.0, 4.0]).double()]
    deviations = [torch.tensor([1.0, 3.0]).double(), torch.tensor([2.0, 0.5]).double()]
    one, other = (
        LayerStatistics(mean, torch.diag(deviation.square()) + torch.outer(mean, mean))
        for mean, deviation in zip(means, deviations, strict=True)
    )
    known = (means[0] - means[1]).square().sum() + (deviations[0] - deviations[1]).square().sum()
    assert float(wasserstein_loss(one, other, Convention.ELEMENTS)) == pytest.approx(
        float(known) / 2, rel=1e-3
    )


def test_its_gradient_is_sound_where_eigenvalues_coincide() -> None:
    mean = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    gram = (2 * torch.eye(4, dtype=torch.float64)).requires_grad_()
    target = LayerStatistics(torch.zeros(4).double(), torch.eye(4).double())
    wasserstein_loss(LayerStatistics(mean, gram), target, Convention.ELEMENTS).backward()
    assert gram.grad is not None
    expected = (1 - 0.5**0.5) / 4 * torch.eye(4).double()
    assert torch.allclose(gram.grad, expected, atol=1e-3)


def test_sums_of_parts_are_the_sums_of_the_whole() -> None:
    whole, mask = features(3), torch.rand(9, 11, generator=torch.Generator().manual_seed(4)).double()
    total = sums_of(whole, mask)
    parts = sums_of(whole[:, :4], mask[:4]) + sums_of(whole[:, 4:], mask[4:])
    assert total.weight == pytest.approx(parts.weight)
    assert torch.allclose(total.total, parts.total)
    assert torch.allclose(total.products, parts.products)


@pytest.mark.parametrize("power", [1, 2])
def test_every_step_between_pixels_is_counted_by_one_core(power: int) -> None:
    pixels = features(6, channels=3).permute(1, 2, 0)
    steps = torch.cat([pixels.diff(dim=0).flatten(), pixels.diff(dim=1).flatten()])
    cores = [(slice(a, b), slice(c, d)) for a, b in ((0, 4), (4, 9)) for c, d in ((0, 6), (6, 11))]
    total = sum(float(variation_sum(pixels, core, power)) for core in cores)
    assert total == pytest.approx(float(steps.abs().pow(power).sum()))
