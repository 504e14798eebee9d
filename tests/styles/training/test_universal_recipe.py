from pathlib import Path

import pytest
import torch

from giornata.styles.errors import BadRecipe
from giornata.styles.training.export_universal import (
    load_paintings_list,
)
from giornata.styles.training.universal_recipe import (
    load_universal_recipe,
)

torch.set_num_threads(1)


RECIPES = Path(__file__).resolve().parents[3] / "styles" / "training" / "recipes"


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
