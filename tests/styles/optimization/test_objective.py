import pytest
import torch
from torch import Tensor

from giornata.styles.optimization.losses import (
    STYLE_LOSSES,
    Convention,
    LayerStatistics,
    StyleTerm,
    TileSums,
    content_factor,
    statistics_of,
    sums_of,
)
from giornata.styles.optimization.objective import Objective, StyleTarget
from giornata.styles.optimization.options import GatysOptions

STYLE, CONTENT = "relu1_1", "relu4_2"


def drawn(seed: int, *, channels: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(channels, 6, 7, dtype=torch.float64, generator=generator)


def options_of(term: StyleTerm, convention: Convention) -> GatysOptions:
    return GatysOptions(
        content_layers={CONTENT: 2.0},
        style_layers={STYLE: 3.0},
        alpha=0.7,
        beta=5.0,
        tv=0.1,
        term=term,
        convention=convention,
    )


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("term", StyleTerm)
def test_signals_make_the_gradient_of_the_whole(term: StyleTerm, convention: Convention) -> None:
    options = options_of(term, convention)
    features, photo = drawn(1).requires_grad_(), drawn(2)
    targets = tuple(
        StyleTarget(share, 0, {STYLE: statistics_of(sums_of(drawn(seed)))})
        for share, seed in ((0.25, 3), (0.75, 4))
    )
    flat = features.flatten(1)
    given = LayerStatistics(flat.mean(1), flat @ flat.T / flat.shape[1])
    style = sum(
        target.share * STYLE_LOSSES[term](given, target.layers[STYLE], convention) for target in targets
    )
    assert isinstance(style, Tensor)
    missed, energy = (features - photo).square().sum(), float(photo.square().sum())
    factor = content_factor(convention, elements=features.numel(), energy=energy)
    content = 2.0 * factor * missed
    (expected,) = torch.autograd.grad(options.alpha * content + options.beta * style, features)

    made = features.detach()
    sums = TileSums({(0, STYLE): sums_of(made)}, {CONTENT: float(missed.detach())}, {CONTENT: energy}, 12.0)
    objective = Objective(options, targets, {CONTENT: made.numel()}, pixels=60)
    parts, signals = objective.evaluate(sums)
    matrix, vector = signals.styles[0, STYLE]
    gradient = (matrix @ made.flatten(1) + vector[:, None]).view_as(made)
    gradient += signals.content[CONTENT] * (made - photo)
    assert torch.allclose(gradient, expected, rtol=1e-6, atol=1e-12)
    assert parts.style == pytest.approx(float(style.detach()))
    assert parts.content == pytest.approx(float(content.detach()))
    assert parts.variation == pytest.approx(12.0 / 60)
    assert parts.total == pytest.approx(0.7 * parts.content + 5.0 * parts.style + 0.1 * parts.variation)
    assert signals.variation == pytest.approx(0.1 / 60)


def test_a_style_counts_in_its_own_region_alone() -> None:
    near, far = statistics_of(sums_of(drawn(1))), statistics_of(sums_of(drawn(9)))
    targets = (StyleTarget(1.0, 1, {STYLE: near}), StyleTarget(1.0, 2, {STYLE: far}))
    options = GatysOptions(content_layers={}, style_layers={STYLE: 1.0}, beta=1.0, term=StyleTerm.GRAM)
    objective = Objective(options, targets, {}, pixels=1)
    assert objective.regions == (1, 2)
    sums = TileSums({(1, STYLE): sums_of(drawn(1)), (2, STYLE): sums_of(drawn(9))}, {}, {}, 0.0)
    parts, _ = objective.evaluate(sums)
    assert parts.total == pytest.approx(0, abs=1e-12)
    swapped = TileSums({(2, STYLE): sums_of(drawn(1)), (1, STYLE): sums_of(drawn(9))}, {}, {}, 0.0)
    assert objective.evaluate(swapped)[0].style > 0.1
