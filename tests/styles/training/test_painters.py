"""Training the painters: seeded, resumable, and it learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from giornata.styles.errors import BadRecipe, MissingPictures
from giornata.styles.feedforward.network import NetworkShape, TransformerNetwork
from giornata.styles.training.export import preview_sheet
from giornata.styles.training.held_out import HeldOut, load_held_out
from giornata.styles.training.painters import PaintersTrainer, TrainingFiles, draw_styles
from giornata.styles.training.painters_crops import VariedCrops, calm_ground, recoloured, turned
from giornata.styles.training.painters_loss import ChannelStatistics, PaintersLoss, lattice
from giornata.styles.training.painters_norm import painted
from giornata.styles.training.recipe import Recipe, load_recipe
from giornata.styles.universal.loader import save_network
from giornata.styles.universal.network import seeded

torch.set_num_threads(2)
RECIPES = Path(__file__).parents[3] / "styles" / "training" / "recipes"
DEEP = ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")


def encoder(path: Path) -> Path:
    """Random weights in the shape of the first VGG-19 blocks, narrow."""
    torch.manual_seed(0)
    tensors, channels = {}, 3
    for block, count, width in ((1, 2, 8), (2, 2, 12), (3, 4, 16)):
        for layer in range(1, count + 1):
            name = f"conv{block}_{layer}"
            scale = (2 / (9 * channels)) ** 0.5
            tensors[f"{name}.weight"] = torch.randn(width, channels, 3, 3) * scale
            tensors[f"{name}.bias"] = torch.zeros(width)
            channels = width
    save_file(tensors, path)
    return path


def deep_encoder(path: Path) -> Path:
    """Random weights in the shape of the compressed VGG-19, narrow."""
    torch.manual_seed(1)
    tensors = {"conv0.weight": torch.eye(3).view(3, 3, 1, 1) * 255, "conv0.bias": -torch.full((3,), 120.0)}
    channels = 3
    for name in DEEP:
        width = 8 if name[0] in "12" else 12
        tensors[f"conv{name}.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        tensors[f"conv{name}.bias"] = torch.zeros(width)
        channels = width
    save_file(tensors, path)
    return path


def noise(path: Path, size: tuple[int, int], seed: int) -> None:
    values = torch.rand(size[1] // 8, size[0] // 8, 3, generator=torch.Generator().manual_seed(seed))
    Image.fromarray((values * 255).byte().numpy()).resize(size).save(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TrainingFiles:
    root = tmp_path_factory.mktemp("training")
    (root / "paintings").mkdir()
    for seed in range(3):
        noise(root / f"{seed}.png", (160, 120), seed)
    noise(root / "paintings" / "ochre.png", (200, 160), 9)
    noise(root / "paintings" / "azure.png", (200, 160), 10)
    return TrainingFiles(
        tuple(root / f"{seed}.png" for seed in range(3)),
        root / "paintings",
        encoder(root / "encoder.safetensors"),
        deep_encoder(root / "deep.safetensors"),
        root / "work",
    )


def at(files: TrainingFiles, work: Path) -> TrainingFiles:
    return TrainingFiles(files.photos, files.paintings, files.encoder, files.deep_encoder, work)


def recipe(*stages: dict[str, object], **changes: object) -> Recipe:
    papers = {"title": "O", "artist": "A", "year": "1", "short_side_px": 128}
    words: dict[str, object] = {
        "name": "tiny",
        "trained_on": "noise",
        "width": 8,
        "blocks": 1,
        "ends": [8, 8],
        "up": [8, 8],
        "steer_every": 2,
        "stages": [{"batch": 2, "crop_px": 64} | stage for stage in stages],
        "paintings": [{"name": n, "image": f"{n}.png", **papers} for n in ("ochre", "azure")],
    }
    return Recipe.model_validate(words | changes)


TWO_STAGES = ({"steps": 4, "identity_share": 0.3}, {"steps": 2, "unrest_weight": 2.0})


def test_a_resumed_training_ends_with_the_same_weights(files: TrainingFiles, tmp_path: Path) -> None:
    straight = PaintersTrainer(recipe(*TWO_STAGES), at(files, tmp_path / "a"))
    assert [p.step for p in straight.run()] == [1, 2, 3, 4, 5, 6]
    first = PaintersTrainer(recipe(*TWO_STAGES), at(files, tmp_path / "b"))
    for progress in first.run(checkpoint_every=3):
        if progress.step == 3:
            break
    second = PaintersTrainer(recipe(*TWO_STAGES), at(files, tmp_path / "b"))
    assert second.resume() == 3
    list(second.run())
    assert torch.equal(straight.factors, second.factors)
    for made in ("network", "average"):
        one, other = (getattr(trainer, made).state_dict() for trainer in (straight, second))
        for name, value in one.items():
            assert torch.allclose(value, other[name], atol=1e-6), name


@pytest.mark.slow
def test_training_lowers_the_style_distance(files: TrainingFiles, tmp_path: Path) -> None:
    trainer = PaintersTrainer(recipe({"steps": 60, "identity_share": 0.0}), at(files, tmp_path))
    losses = [progress.parts["style"] for progress in trainer.run()]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_every_painting_gets_the_same_share_and_the_identity_its_own() -> None:
    papers = {"image": "x", "title": "x", "artist": "x", "year": "1"}
    paintings = [{"name": f"p{i}", **papers} for i in range(3)]
    plain = recipe({"steps": 300, "identity_share": 0.0}, paintings=paintings)
    drawn = torch.cat([draw_styles(plain, plain.stages[0], step) for step in range(300)])
    assert torch.bincount(drawn).tolist() == [0, 200, 200, 200]
    shared = recipe({"steps": 300, "identity_share": 0.2}, paintings=paintings)
    drawn = torch.cat([draw_styles(shared, shared.stages[0], step) for step in range(300)])
    assert 80 < (drawn == 0).sum() < 160


def test_the_weight_of_a_distant_painting_rises_and_of_a_near_one_falls(
    files: TrainingFiles, tmp_path: Path
) -> None:
    trainer = PaintersTrainer(recipe({"steps": 1}, style_goal=0.1), at(files, tmp_path))
    trainer.distances = torch.tensor([[0.8, 0.05], [2.0, 2.0]])
    trainer._steer()
    assert trainer.factors.tolist() == pytest.approx([2.0, 0.5])
    assert trainer.distances.abs().sum() == 0
    trainer._steer()
    assert trainer.factors.tolist() == pytest.approx([2.0, 0.5])


def test_a_painting_may_have_a_goal_of_its_own() -> None:
    papers = {"image": "x", "title": "x", "artist": "x", "year": "1"}
    paintings = [{"name": "near", "style_goal": 0.05, **papers}, {"name": "plain", **papers}]
    assert recipe({"steps": 1}, style_goal=0.2, paintings=paintings).style_goals == (0.05, 0.2)


def test_a_distilling_stage_learns_from_the_universal_networks_pictures(
    files: TrainingFiles, tmp_path: Path
) -> None:
    save_network(seeded(3), tmp_path / "universal.safetensors")
    given = replace(at(files, tmp_path / "work"), universal=tmp_path / "universal.safetensors")
    stage = {"steps": 30, "kind": "distil", "style_weight": 0.0, "content_weight": 0.0, "identity_share": 0}
    likeness = [one.parts["likeness"] for one in PaintersTrainer(recipe(stage), given).run()]
    assert sum(likeness[20:]) < sum(likeness[:10])
    with pytest.raises(BadRecipe, match="no universal network"):
        PaintersTrainer(recipe(stage), at(files, tmp_path))


def test_missing_pictures_are_named(files: TrainingFiles, tmp_path: Path) -> None:
    bare = TrainingFiles((), files.paintings, files.encoder, files.deep_encoder, tmp_path)
    with pytest.raises(MissingPictures, match="at least one photograph of 64 px"):
        next(PaintersTrainer(recipe({"steps": 1}), bare).run())
    empty = TrainingFiles(files.photos, tmp_path, files.encoder, files.deep_encoder, tmp_path)
    with pytest.raises(MissingPictures, match=r"the painting ochre\.png"):
        PaintersTrainer(recipe({"steps": 1}), empty)


def test_a_stage_for_the_identity_alone_leaves_every_painting_as_it_was(
    files: TrainingFiles, tmp_path: Path
) -> None:
    stages = ({"steps": 2}, {"steps": 2, "kind": "identity"})
    trainer = PaintersTrainer(recipe(*stages), at(files, tmp_path))
    run = trainer.run()
    for _ in range(2):
        next(run)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    list(run)
    changed = 0
    for name, value in trainer.network.state_dict().items():
        kept = value[1:] if name.endswith(".table") else value
        assert torch.equal(kept, before[name][1:] if name.endswith(".table") else before[name]), name
        changed += name.endswith(".table") and not torch.equal(value[0], before[name][0])
    assert changed > 0


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


def test_varied_crops_stay_pictures_and_repeat_with_the_seed(files: TrainingFiles) -> None:
    crops = VariedCrops(files.photos, crop_px=64)
    one, same, other = (crops.draw(12, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.given, same.given)
    assert not torch.equal(one.clean, other.clean)
    for pixels in (one.given, one.clean):
        assert pixels.shape == (12, 3, 64, 64)
        assert pixels.min() >= 0
        assert pixels.max() <= 1


def test_a_turned_crop_has_no_empty_corners_and_calm_ground_is_calm() -> None:
    generator = torch.Generator().manual_seed(3)
    assert turned(torch.ones(3, 32, 32), 15.0).min() > 0.999
    assert recoloured(torch.rand(3, 8, 8), generator).isfinite().all()
    for _ in range(5):
        ground = calm_ground(64, generator)
        assert ground.diff(dim=1).abs().mean() < 0.03


def test_the_preview_sheet_shows_every_style_of_every_photo(files: TrainingFiles, tmp_path: Path) -> None:
    trainer = PaintersTrainer(recipe({"steps": 1}), at(files, tmp_path))
    sheet = preview_sheet(trainer.average, list(files.photos[:2]), tmp_path / "sheet.png", side_px=32)
    with Image.open(sheet) as image:
        assert image.size == (32 * 4, 32 * 2)


def test_the_shipped_recipe_reads_and_stages_follow_each_other() -> None:
    shipped = load_recipe(RECIPES / "painters-2.toml")
    assert len(shipped.paintings) >= 9
    first = shipped.stages[0]
    assert shipped.stage_at(first.steps - 1) == (first, first.steps - 1)
    assert shipped.stage_at(first.steps) == (shipped.stages[1], 0)
    load_held_out().refuse(shipped.paintings)


def test_the_rate_rises_and_falls_within_a_stage() -> None:
    stage = recipe({"steps": 1000, "peak_rate": 1.0, "last_rate": 0.1}).stages[0]
    rates = [stage.rate_at(step) for step in range(1000)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[0] < 0.1
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_a_held_out_painting_is_refused() -> None:
    with pytest.raises(BadRecipe, match="held out"):
        HeldOut(paintings=("azure",)).refuse(recipe({"steps": 1}).paintings)


def test_a_recipe_with_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text((RECIPES / "painters-2.toml").read_text().replace("crop_px", "crop_pixels"))
    with pytest.raises(BadRecipe, match="crop_pixels"):
        load_recipe(path)
