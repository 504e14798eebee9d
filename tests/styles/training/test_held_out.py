import pytest
import torch

from giornata.styles.errors import BadRecipe
from giornata.styles.training.held_out import HeldOut
from tests.styles.training.painters_files import recipe

torch.set_num_threads(2)


def test_a_held_out_painting_is_refused() -> None:
    with pytest.raises(BadRecipe, match="held out"):
        HeldOut(paintings=("azure",)).refuse(recipe({"steps": 1}).paintings)
