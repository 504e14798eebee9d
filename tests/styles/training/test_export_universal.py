from pathlib import Path

import pytest
import torch

from giornata.styles.errors import MissingPictures
from giornata.styles.library import EngineName, load_card
from giornata.styles.training.export_universal import (
    learn_paintings,
    publish_network,
    rebuilt_db,
)
from giornata.styles.training.recipe import Painting
from giornata.styles.universal.loader import read_network
from giornata.styles.universal.network import SECOND, seeded
from giornata.styles.universal.network_files import load_network_card
from giornata.styles.universal.statistics import load_statistics
from tests.styles.training.universal_files import universal_files

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return universal_files(tmp_path_factory.mktemp("teachers"))


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
