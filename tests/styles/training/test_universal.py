"""A training of the universal network resumes, learns in both stages, and leaves what ships."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from giornata.styles.errors import BadRecipe, MissingPictures
from giornata.styles.library import EngineName, load_card
from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19
from giornata.styles.training.export_universal import (
    learn_paintings,
    load_paintings_list,
    publish_network,
    rebuilt_db,
)
from giornata.styles.training.recipe import Painting
from giornata.styles.training.universal import UniversalTrainer, missed
from giornata.styles.training.universal_recipe import (
    UniversalRecipe,
    UniversalStage,
    load_universal_recipe,
)
from giornata.styles.universal.loader import read_network
from giornata.styles.universal.network import SECOND, seeded
from giornata.styles.universal.network_files import load_network_card
from giornata.styles.universal.statistics import load_statistics
from tests.styles.training.random_teachers import random_teachers

torch.set_num_threads(1)
RECIPES = Path(__file__).resolve().parents[3] / "styles" / "training" / "recipes"
REBUILD = {"blocks": 0.5, "pixels": 30.0, "edges": 1.0, "seen": 0.5}
PAINT = {"style": 4.0, "content": 1.0, "variation": 0.05, "unrest": 3.0, "range": 20.0, "identity": 2.0}
DISTIL = {"pixels": 6.0, "seen": 1.0, "texture": 1.0, "identity": 3.0}
DEEP_LAYERS = ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Teachers with random weights and two pictures."""
    folder = tmp_path_factory.mktemp("teachers")
    Image.fromarray(data.astronaut()).resize((96, 96)).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).resize((128, 96)).save(folder / "coffee.png")
    weights = random_weights(VGG19, seed=1)
    save_file({k: v for k, v in weights.items() if k[4:7] <= "3_1"}, folder / "true.safetensors")
    torch.manual_seed(0)
    deep = {"conv0.weight": torch.randn(3, 3, 1, 1), "conv0.bias": torch.zeros(3)}
    inputs = 3
    for name in DEEP_LAYERS:
        width = SECOND.widths[int(name[0]) - 1]
        deep[f"conv{name}.weight"] = torch.randn(width, inputs, 3, 3) / (4.5 * inputs) ** 0.5
        deep[f"conv{name}.bias"] = torch.zeros(width)
        inputs = width
    save_file(deep, folder / "deep.safetensors")
    return {"encoder": folder / "true.safetensors", "deep_encoder": folder / "deep.safetensors"}


def recipe(rebuild: int, paint: int) -> UniversalRecipe:
    first = UniversalStage(
        kind="rebuild", steps=rebuild, batch=2, crop_px=64, peak_rate=1e-3, weights=REBUILD
    )
    second = UniversalStage(kind="paint", steps=paint, batch=2, crop_px=80, peak_rate=1e-4, weights=PAINT)
    return UniversalRecipe(name="small", trained_on="tests", stages=(first, second), painting_sides_px=(96,))


def trainer(files: dict[str, Path], work: Path, rebuild: int = 2, paint: int = 2) -> UniversalTrainer:
    folder = files["encoder"].parent
    return UniversalTrainer(
        recipe(rebuild, paint),
        photos=(folder / "astronaut.png",),
        paintings=(folder / "coffee.png",),
        work=work,
        **files,
    )


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = trainer(files, tmp_path / "whole")
    losses = [progress.parts for progress in whole.run()]
    first = trainer(files, tmp_path / "parts")
    for progress in first.run(checkpoint_every=1):
        if progress.step == 2:
            break
    second = trainer(files, tmp_path / "parts")
    assert second.resume() == 2
    assert [progress.parts for progress in second.run()] == losses[2:]


def test_painting_leaves_the_encoder_as_it_was(files: dict[str, Path], tmp_path: Path) -> None:
    work = trainer(files, tmp_path, rebuild=1, paint=2)
    run = work.run()
    next(run)
    encoder = work.network.opening(5).weight.detach().clone()
    decoder = work.network.reducer(1).weight.detach().clone()
    kinds = [progress.kind for progress in run]
    assert kinds == ["paint", "paint"]
    assert torch.equal(work.network.opening(5).weight, encoder)
    assert not torch.equal(work.network.reducer(1).weight, decoder)


def test_rebuilding_learns(files: dict[str, Path], tmp_path: Path) -> None:
    run = trainer(files, tmp_path, rebuild=40, paint=1).run()
    errors = [progress.parts["pixels"] for progress in run if progress.kind == "rebuild"]
    assert sum(errors[30:]) < 0.5 * sum(errors[:10])


def one_stage(
    files: dict[str, Path], work: Path, kind: str, steps: int, **weights: float
) -> UniversalTrainer:
    stage = {"kind": kind, "steps": steps, "batch": 2, "crop_px": 64, "peak_rate": 1e-3, "weights": weights}
    return UniversalTrainer(
        UniversalRecipe.model_validate({"name": "small", "trained_on": "tests", "stages": [stage]}),
        photos=(files["encoder"].parent / "astronaut.png",),
        paintings=(files["encoder"].parent / "coffee.png",),
        work=work,
        **files,
    )


def test_the_encoder_learns_to_see(files: dict[str, Path], tmp_path: Path) -> None:
    work = one_stage(files, tmp_path, "see", 40, sight=1.0, colours=1.0)
    picture = work.network.opening(1).weight.detach().clone()
    seen = [one.parts["sight"] for one in work.run()]
    assert sum(seen[30:]) < 0.8 * sum(seen[:10])
    assert torch.equal(work.network.opening(1).weight, picture)


def test_the_decoder_learns_to_paint_what_the_teacher_paints(files: dict[str, Path], tmp_path: Path) -> None:
    stage = UniversalStage(
        kind="distil", steps=30, batch=2, crop_px=64, peak_rate=1e-3, weights=DISTIL, pairs=3
    )
    sources = files["encoder"].parent
    work = UniversalTrainer(
        UniversalRecipe(name="small", trained_on="tests", stages=(stage,), painting_sides_px=(96,)),
        photos=(sources / "astronaut.png",),
        paintings=(sources / "coffee.png",),
        work=tmp_path,
        teachers=random_teachers(tmp_path / "teachers"),
        **files,
    )
    encoder = work.network.opening(5).weight.detach().clone()
    missing = [one.parts["pixels"] for one in work.run()]
    assert sum(missing[20:]) < 0.8 * sum(missing[:10])
    assert torch.equal(work.network.opening(5).weight, encoder)
    assert len(list((tmp_path / "pairs").iterdir())) == 3


def test_distilling_without_teachers_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    work = one_stage(files, tmp_path, "distil", 1, **DISTIL)
    with pytest.raises(MissingPictures, match="teachers"):
        next(work.run())


@pytest.mark.parametrize("kind", ["undo", "rebuild"])
def test_the_decoder_learns_and_the_encoder_is_left_alone(
    files: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    weights = {"blocks": 1.0} if kind == "undo" else {"blocks": 1.0, "pixels": 1.0, "edges": 1.0, "seen": 1.0}
    work = one_stage(files, tmp_path, kind, 40, **weights)
    before = [work.network.opening(level).weight.detach().clone() for level in range(1, 6)]
    missing = [one.parts["blocks"] for one in work.run()]
    assert sum(missing[30:]) < 0.9 * sum(missing[:10])
    assert all(torch.equal(work.network.opening(level).weight, before[level - 1]) for level in range(1, 6))


def test_what_is_missed_is_a_share_of_the_variance() -> None:
    wanted = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert float(missed(wanted, wanted)) == 0
    mean = wanted.mean((0, 2, 3), keepdim=True).expand_as(wanted)
    assert float(missed(mean, wanted)) == pytest.approx(1, rel=1e-5)


def test_a_network_ships_with_a_card_and_paintings_become_styles_of_it(
    files: dict[str, Path], tmp_path: Path
) -> None:
    network = seeded(2, SECOND)
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    db = rebuilt_db(network, [picture])
    assert set(db) == {f"level{level}" for level in range(2, 6)}
    publish_network(network, tmp_path, trained_on="nothing", made_by="a test", rebuilt_db=db)
    card = load_network_card(tmp_path / "universal.toml")
    assert card.rebuilt_db == {key: pytest.approx(value, abs=0.01) for key, value in db.items()}
    weights = read_network(tmp_path / card.weights).opening(1).weight
    assert torch.allclose(weights, network.opening(1).weight, atol=1e-3)

    painting = Painting(name="coffee", image="coffee.png", title="Coffee", artist="Nobody", year="1900")
    folders = [files["encoder"].parent]
    (style,) = learn_paintings([painting], folders, tmp_path / card.weights, tmp_path / "lib", side_px=64)
    read = load_card(tmp_path / "lib" / "coffee.toml")
    assert (read.engine, read.network) == (EngineName.UNIVERSAL, card.encoder)
    assert load_statistics(style.path).network == card.encoder


def test_a_painting_that_is_not_there_is_named(tmp_path: Path) -> None:
    publish_network(seeded(2), tmp_path, trained_on="nothing", made_by="a test", rebuilt_db={})
    painting = Painting(name="gone", image="gone.jpg", title="Gone", artist="Nobody", year="1900")
    with pytest.raises(MissingPictures, match=r"gone\.jpg"):
        list(
            learn_paintings([painting], [tmp_path], tmp_path / "universal.safetensors", tmp_path, side_px=64)
        )


def test_the_recipe_and_the_list_of_paintings_that_ship_can_be_read() -> None:
    assert [one.kind for one in load_universal_recipe(RECIPES / "universal.toml").stages] == [
        "see",
        "undo",
        "rebuild",
    ]
    kinds = [one.kind for one in load_universal_recipe(RECIPES / "universal-paint.toml").stages]
    assert kinds == ["see", "undo", "rebuild", "paint"]
    paintings = load_paintings_list(RECIPES / "paintings.toml")
    assert len({painting.name for painting in paintings}) == len(paintings) >= 40


def test_a_recipe_with_a_wrong_key_names_it(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\ntrained_on = "y"\n[[stages]]\nkind = "dance"\nsteps = 1\n')
    with pytest.raises(BadRecipe, match=r"stages\.0\.kind"):
        load_universal_recipe(path)
