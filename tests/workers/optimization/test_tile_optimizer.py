"""The gradient of an optimisation is the whole picture's own, however it is cut."""

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from giornata.styles.optimization.coordinator import Operation, Superstep
from giornata.styles.optimization.losses import Convention, StyleTerm, statistics_of, sums_of
from giornata.styles.optimization.objective import Objective, StyleTarget
from giornata.styles.optimization.options import WHOLE, GatysOptions
from giornata.styles.perception.encoder import Encoder, Pooling, Preprocessing, random_weights
from giornata.styles.perception.vgg import VGG19, Architecture
from giornata.workers.optimization.arrays import ScaleArrays
from giornata.workers.optimization.tile_optimizer import TileOptimizer
from giornata.workers.tiling.grid import TileGrid

torch.set_num_threads(1)
THIN = Architecture(widths=(4, 6, 8, 12, 12), depths=VGG19.depths)
DEEP = {"relu1_1": 1.0, "relu3_1": 2.0, "relu5_1": 1.0}
SHALLOW = {"relu1_1": 1.0, "conv2_2": 0.5}


def encoder(dtype: torch.dtype, pooling: Pooling = Pooling.AVERAGE) -> Encoder:
    made = Encoder(
        THIN, random_weights(THIN, seed=3), preprocessing=Preprocessing.TORCHVISION, pooling=pooling
    )
    return made.to(dtype)


def noise(height: int, width: int, seed: int, dtype: torch.dtype) -> Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def objective(options: GatysOptions, seeing: Encoder, regions: tuple[int, ...], pixels: int) -> Objective:
    targets = []
    for region in regions:
        style = noise(96, 112, 40 + region, seeing.get_buffer("conv1_1_weight").dtype)
        with torch.no_grad():
            found = seeing(style.permute(2, 0, 1)[None], options.layers)
        layers = {layer: statistics_of(sums_of(found[layer][0])) for layer in options.wanted_style}
        targets.append(StyleTarget(1 / len(regions), region, layers))
    return Objective(options, tuple(targets), dict.fromkeys(options.wanted_content, 999), pixels)


def whole_gradient(
    goal: Objective, seeing: Encoder, picture: Tensor, content: Tensor, masks: dict[int, Tensor]
) -> Tensor:
    """By automatic differentiation of everything at once."""
    leaf = picture.clone().requires_grad_()
    options = goal.options
    found = seeing(leaf.permute(2, 0, 1)[None], options.layers)
    with torch.no_grad():
        wanted = seeing(content.permute(2, 0, 1)[None], options.layers)
    loss = torch.zeros((), dtype=torch.float64)
    for target in goal.targets:
        for layer, weight in options.wanted_style.items():
            flat = found[layer][0].flatten(1).double()
            mask = torch.ones_like(flat[0])
            if target.region in masks:
                stride = seeing.architecture.stride(layer)
                whole = masks[target.region].double()[None, None]
                mask = torch.nn.functional.avg_pool2d(whole, stride).flatten()
            mean = (flat * mask).sum(1) / mask.sum()
            gram = (flat * mask) @ flat.T / mask.sum()
            loss = loss + options.beta * weight * target.share * style_loss(
                options, mean, gram, target.layers[layer].mean, target.layers[layer].gram
            )
    for layer, weight in options.wanted_content.items():
        difference = (found[layer] - wanted[layer]).double().square().sum()
        scale = {
            Convention.PAPER: 0.5,
            Convention.ELEMENTS: 1 / goal.elements[layer],
            Convention.RELATIVE: 1 / float(wanted[layer].double().square().sum()),
        }[options.convention]
        loss = loss + options.alpha * weight * scale * difference
    steps = torch.cat([leaf.diff(dim=0).flatten(), leaf.diff(dim=1).flatten()]).double()
    loss = loss + options.tv * steps.abs().pow(options.tv_power).sum() / goal.pixels
    loss.backward()
    assert leaf.grad is not None
    return leaf.grad


def style_loss(options: GatysOptions, mean: Tensor, gram: Tensor, m: Tensor, g: Tensor) -> Tensor:
    """Written again from the formulas."""
    n, eye = len(mean), torch.eye(len(mean), dtype=torch.float64)
    if options.term is StyleTerm.GRAM:
        scale = {
            Convention.PAPER: 1 / (4 * n**2),
            Convention.ELEMENTS: 1 / n**4,
            Convention.RELATIVE: 1 / float(g.square().sum()),
        }[options.convention]
        return (gram - g).square().sum() * scale
    mine, theirs = (a - torch.outer(b, b) for a, b in ((gram, mean), (g, m)))
    if options.term is StyleTerm.MEAN_STD:
        deviations = [(c.diagonal().clamp_min(0) + 1e-4).sqrt() for c in (mine, theirs)]
        distance = (mean - m).square().sum() + (deviations[0] - deviations[1]).square().sum()
        energy = m.square().sum() + deviations[1].square().sum()
        return distance / (energy if options.convention is Convention.RELATIVE else n)
    mine, theirs = mine + 1e-4 * eye, theirs + 1e-4 * eye
    root = torch.linalg.cholesky(theirs)
    cross = torch.linalg.eigvalsh(root.T @ mine @ root).clamp_min(0).sqrt().sum()
    distance = (mean - m).square().sum() + mine.trace() + theirs.trace() - 2 * cross
    return distance / (m.square().sum() + theirs.trace() if options.convention is Convention.RELATIVE else n)


def tiled_gradient(
    goal: Objective,
    seeing: Encoder,
    picture: Tensor,
    content: Tensor,
    masks: dict[int, Tensor],
    folder: Path,
    *,
    core_px: int,
    workers: int,
    memory_bytes: int,
) -> Tensor:
    architecture, layers = seeing.architecture, goal.options.layers
    height, width = picture.shape[:2]
    grid = TileGrid(
        width,
        height,
        core_px,
        architecture.common_stride(layers),
        architecture.halo_px(layers),
    )
    ScaleArrays.laid_out(folder, grid, content=content.numpy(), start=picture.numpy())
    optimizers = [
        TileOptimizer(seeing, goal, ScaleArrays(folder, grid), memory_bytes, masks=masks)
        for _ in range(workers)
    ]
    for verb in (Operation.FORWARD, Operation.REDUCE, Operation.BACKWARD):
        for index, optimizer in enumerate(optimizers[:1] if verb is Operation.REDUCE else optimizers):
            optimizer.run(Superstep(verb), range(index, len(grid), workers))
    made = torch.zeros_like(picture)
    for tile in grid:
        made[tile.core.within(tile.core._replace(top=0, left=0))] = optimizers[0].arrays.gathered(tile)
    return made


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).abs().max() / wanted.abs().max())


cases = st.fixed_dictionaries(
    {
        "rows": st.integers(5, 14),
        "columns": st.integers(5, 14),
        "core": st.integers(2, 8),
        "workers": st.integers(1, 4),
        "memory": st.sampled_from([0, 1 << 40]),
        "layers": st.sampled_from([DEEP, SHALLOW]),
        "content": st.sampled_from(["relu4_2", "conv3_2"]),
        "term": st.sampled_from(StyleTerm),
        "convention": st.sampled_from(Convention),
        "pooling": st.sampled_from(Pooling),
        "masked": st.booleans(),
        "tv_power": st.sampled_from([1, 2]),
        "seed": st.integers(0, 1000),
    }
)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-9), (torch.float32, 1e-4)], ids=str)
@given(case=cases)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_gradient_from_tiles_is_the_whole_pictures(
    tmp_path_factory: pytest.TempPathFactory, dtype: torch.dtype, bound: float, case: dict[str, object]
) -> None:
    options = GatysOptions(
        style_layers=case["layers"],
        content_layers={case["content"]: 1.0},
        term=case["term"],
        convention=case["convention"],
        tv=0.3,
        tv_power=case["tv_power"],
        beta=3.0,
    )
    seeing = encoder(dtype, case["pooling"])
    height, width = 16 * int(case["rows"]), 16 * int(case["columns"])
    picture, content = noise(height, width, int(case["seed"]), dtype), noise(height, width, 7, dtype)
    regions = (1, 2) if case["masked"] else (WHOLE,)
    left = torch.linspace(0, 1, width, dtype=dtype).expand(height, width)
    masks = {1: left, 2: 1 - left} if case["masked"] else {}
    goal = objective(options, seeing, regions, pixels=picture.numel())
    whole = whole_gradient(goal, seeing, picture, content, masks)
    tiled = tiled_gradient(
        goal,
        seeing,
        picture,
        content,
        masks,
        tmp_path_factory.mktemp("plates"),
        core_px=16 * int(case["core"]),
        workers=int(case["workers"]),
        memory_bytes=int(case["memory"]),
    )
    assert relative_error(tiled, whole) <= bound


@pytest.mark.parametrize(("halo_px", "exact"), [(64, False), (80, True)])
def test_the_reach_of_conv5_1_is_just_enough(tmp_path: Path, halo_px: int, *, exact: bool) -> None:
    """80 px, half of what a gradient that is cut at the core would need, because gradients are added."""
    options = GatysOptions(style_layers={"relu5_1": 1.0}, alpha=0)
    seeing = encoder(torch.float64)
    assert seeing.architecture.halo_px(options.layers) == 80
    picture = noise(64, 320, 5, torch.float64)
    goal = objective(options, seeing, (WHOLE,), pixels=picture.numel())
    whole = whole_gradient(goal, seeing, picture, picture, {})
    grid = TileGrid(320, 64, 160, 16, halo_px)
    ScaleArrays.laid_out(tmp_path, grid, content=picture.numpy(), start=picture.numpy())
    optimizer = TileOptimizer(seeing, goal, ScaleArrays(tmp_path, grid), memory_bytes=0)
    for verb in (Operation.FORWARD, Operation.REDUCE, Operation.BACKWARD):
        optimizer.run(Superstep(verb), range(len(grid)))
    tiled = torch.cat([optimizer.arrays.gathered(tile) for tile in grid], dim=1)
    assert (relative_error(tiled, whole) <= 1e-9) is exact
