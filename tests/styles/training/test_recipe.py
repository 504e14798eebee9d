from pathlib import Path

import pytest
import torch

from giornata.styles.errors import BadRecipe
from giornata.styles.training.held_out import load_held_out
from giornata.styles.training.recipe import load_recipe
from tests.styles.training.painters_files import recipe

torch.set_num_threads(2)


RECIPES = Path(__file__).parents[3] / "styles" / "training" / "recipes"


def test_a_painting_may_have_a_goal_of_its_own() -> None:
    papers = {"image": "x", "title": "x", "artist": "x", "year": "1"}
    paintings = [{"name": "near", "style_goal": 0.05, **papers}, {"name": "plain", **papers}]
    assert recipe({"steps": 1}, style_goal=0.2, paintings=paintings).style_goals == (0.05, 0.2)


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


def test_a_recipe_with_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text((RECIPES / "painters-2.toml").read_text().replace("crop_px", "crop_pixels"))
    with pytest.raises(BadRecipe, match="crop_pixels"):
        load_recipe(path)
