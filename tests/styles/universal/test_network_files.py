import hashlib
from pathlib import Path

import pytest

from giornata.styles.errors import BadCard
from giornata.styles.universal.network_files import FOLDER, SHIPPED_CARD, load_network_card


def test_the_card_of_the_network_that_ships_belongs_to_its_weights() -> None:
    card = load_network_card()
    assert card == load_network_card(SHIPPED_CARD)
    assert hashlib.sha256((FOLDER / card.weights).read_bytes()).hexdigest() == card.sha256


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("weights = ", "weights = 7 #"), "weights: Input should be a valid string"),
        (("sha256 = ", 'sha256 = "0" #'), "sha256: String should match pattern"),
        (("licence = ", "license = "), "licence: Field required"),
        (("name = ", "name "), "Expected '=' after a key"),
    ],
)
def test_a_card_that_cannot_be_used_is_told_with_its_field(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    path = tmp_path / "universal.toml"
    text = SHIPPED_CARD.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(BadCard, match=words):
        load_network_card(path)


def test_a_card_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCard, match=r"none\.toml"):
        load_network_card(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff")
    with pytest.raises(BadCard, match=r"odd\.toml"):
        load_network_card(tmp_path / "odd.toml")
