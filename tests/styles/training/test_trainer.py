"""Training: seeded, resumable, and it learns."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from giornata.styles.errors import BadRecipe, MissingPictures
from giornata.styles.training.preview import preview_sheet
from giornata.styles.training.recipe import Recipe, load_recipe
from giornata.styles.training.trainer import Trainer, TrainingFolders, draw_styles

torch.set_num_threads(2)
SHIPPED_RECIPE = Path(__file__).parents[3] / "styles" / "training" / "recipes" / "painters.toml"


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


def noise(path: Path, size: tuple[int, int], seed: int) -> None:
    values = torch.rand(size[1] // 8, size[0] // 8, 3, generator=torch.Generator().manual_seed(seed))
    Image.fromarray((values * 255).byte().numpy()).resize(size).save(path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> TrainingFolders:
    root = tmp_path_factory.mktemp("training")
    for name in ("photos", "paintings"):
        (root / name).mkdir()
    for seed in range(3):
        noise(root / "photos" / f"{seed}.png", (160, 120), seed)
    noise(root / "paintings" / "ochre.png", (200, 160), 9)
    weights = encoder(root / "encoder.safetensors")
    return TrainingFolders((root / "photos",), root / "paintings", weights, None, root / "work")


def recipe(steps: int, **changes: object) -> Recipe:
    papers = {"title": "O", "artist": "A", "year": "1", "short_side_px": 128}
    stages = [
        {"steps": steps - steps // 3, "identity_share": 0.3},
        {"steps": steps // 3, "content_weight": 2.0},
    ]
    words: dict[str, object] = {
        "name": "tiny",
        "trained_on": "noise",
        "width": 8,
        "blocks": 1,
        "batch": 2,
        "crop_px": 64,
        "pyramid_levels": 2,
        "stages": stages,
        "paintings": [{"name": "ochre", "image": "ochre.png", **papers}],
    }
    return Recipe.model_validate(words | changes)


def at(folders: TrainingFolders, work: Path) -> TrainingFolders:
    return TrainingFolders(folders.photos, folders.paintings, folders.encoder, None, work)


def test_a_resumed_training_ends_with_the_same_weights(folders: TrainingFolders, tmp_path: Path) -> None:
    straight = Trainer(recipe(6), at(folders, tmp_path / "a"))
    assert [p.step for p in straight.run()] == [1, 2, 3, 4, 5, 6]
    first = Trainer(recipe(6), at(folders, tmp_path / "b"))
    for progress in first.run(checkpoint_every=3):
        if progress.step == 3:
            break
    second = Trainer(recipe(6), at(folders, tmp_path / "b"))
    assert second.resume() == 3
    list(second.run())
    for (name, one), other in zip(
        straight.network.state_dict().items(), second.network.state_dict().values(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-6), name


@pytest.mark.slow
def test_training_lowers_the_loss(folders: TrainingFolders, tmp_path: Path) -> None:
    trainer = Trainer(recipe(60, stages=[{"steps": 60}]), at(folders, tmp_path))
    losses = [progress.loss for progress in trainer.run()]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_every_painting_gets_the_same_share_and_the_identity_its_own() -> None:
    paintings = [{"name": f"p{i}", "image": "x", "title": "x", "artist": "x", "year": "1"} for i in range(3)]
    plain = recipe(6, paintings=paintings, stages=[{"steps": 300, "identity_share": 0.0}])
    drawn = torch.cat([draw_styles(plain, step) for step in range(300)])
    assert torch.bincount(drawn).tolist() == [0, 200, 200, 200]
    shared = recipe(6, paintings=paintings, stages=[{"steps": 300, "identity_share": 0.2}])
    drawn = torch.cat([draw_styles(shared, step) for step in range(300)])
    assert 80 < (drawn == 0).sum() < 160


def test_missing_pictures_are_named(folders: TrainingFolders, tmp_path: Path) -> None:
    with pytest.raises(MissingPictures, match="at least one photograph of 64 px"):
        Trainer(recipe(3), TrainingFolders((tmp_path,), folders.paintings, folders.encoder, None, tmp_path))
    with pytest.raises(MissingPictures, match=r"the painting ochre\.png"):
        Trainer(recipe(3), TrainingFolders(folders.photos, tmp_path, folders.encoder, None, tmp_path))


def test_the_preview_sheet_shows_every_style_of_every_photo(folders: TrainingFolders, tmp_path: Path) -> None:
    trainer = Trainer(recipe(3), at(folders, tmp_path))
    photos = sorted(folders.photos[0].iterdir())[:2]
    sheet = preview_sheet(trainer.network, photos, tmp_path / "sheet.png", side_px=32)
    with Image.open(sheet) as image:
        assert image.size == (32 * 3, 32 * 2)


def test_the_shipped_recipe_reads_and_stages_follow_each_other() -> None:
    shipped = load_recipe(SHIPPED_RECIPE)
    assert len(shipped.paintings) >= 8
    first = shipped.stages[0]
    assert shipped.stage_at(first.steps - 1) == (first, first.steps - 1)
    assert shipped.stage_at(first.steps) == (shipped.stages[1], 0)


def test_a_recipe_with_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(SHIPPED_RECIPE.read_text().replace("crop_px", "crop_pixels"))
    with pytest.raises(BadRecipe, match="crop_pixels"):
        load_recipe(path)


def test_a_stage_for_the_identity_alone_leaves_every_painting_as_it_was(
    folders: TrainingFolders, tmp_path: Path
) -> None:
    stages = [{"steps": 3}, {"steps": 3, "identity_share": 1.0, "only_identity": True}]
    trainer = Trainer(recipe(6, stages=stages), at(folders, tmp_path))
    run = trainer.run()
    for _ in range(3):
        next(run)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    list(run)
    changed = 0
    for name, value in trainer.network.state_dict().items():
        kept = value[1:] if name.endswith(".table") else value
        assert torch.equal(kept, before[name][1:] if name.endswith(".table") else before[name]), name
        changed += name.endswith(".table") and not torch.equal(value[0], before[name][0])
    assert changed > 0
