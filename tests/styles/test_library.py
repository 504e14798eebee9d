"""Cards and weights on disk: found, checked, loaded."""

from pathlib import Path

import pytest
import torch

from giornata.styles.engine import collect_totals
from giornata.styles.errors import BadCard, UnknownStyle
from giornata.styles.library import SHIPPED, SHIPPED_STATISTICS, Library, card_text, load_card
from giornata.styles.loader import load_engine
from tests.styles.small_library import write


def test_what_training_writes_the_library_finds_and_loads(tmp_path: Path) -> None:
    library = Library((write(tmp_path, "pair", "ochre", "azure"),))
    assert {"ochre", "azure"} <= set(library.names)
    engine = load_engine(library, {"ochre": 1, "azure": 1}, strength=0.5)
    assert engine.weights.tolist() == [[0.5, 0.25, 0.25]]
    assert len(list(collect_totals(engine, torch.rand(16, 16, 3)))) == engine.phases


def test_a_card_reads_back_as_written(tmp_path: Path) -> None:
    card = load_card(write(tmp_path, "one", "ochre") / "ochre.toml")
    (tmp_path / "again.toml").write_text(card_text(card))
    assert load_card(tmp_path / "again.toml") == card


@pytest.mark.parametrize(
    ("text", "reason"),
    [("name = 3", "name"), ("nonsense", "Expected"), ('name = "a"\nextra = 1', "engine")],
    ids=["a wrong type", "no TOML", "a missing field"],
)
def test_a_bad_card_is_named_with_its_field(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BadCard, match=reason):
        load_card(path)


def test_an_unknown_style_is_told_with_the_known_ones(tmp_path: Path) -> None:
    library = Library((write(tmp_path, "one", "ochre"),))
    with pytest.raises(UnknownStyle, match=r"known styles: .*ochre"):
        library.find("umber")


def test_the_shipped_library_is_sound_and_holds_at_least_eight_styles() -> None:
    library = Library()
    assert len(library.names) >= 8
    assert [v for v in library.verify() if v.problem] == []
    for name in library.names:
        shelved = library.find(name)
        assert shelved.folder in (SHIPPED, SHIPPED_STATISTICS)
        assert "public" in shelved.card.trained_on


def test_every_shipped_style_paints_its_own_picture() -> None:
    """Each style must differ from the picture and from every other style, in finite pixels."""
    library = Library()
    pixels = torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(0))
    core = (slice(0, 64), slice(0, 64))
    painted = {}
    for name in library.names:
        engine = load_engine(library, {name: 1.0})
        run = engine.open(pixels, core)
        for _ in range(engine.phases):
            run.advance(run.partial())
        painted[name] = run.finish()
        assert torch.isfinite(painted[name]).all()
    names = list(painted)
    for i, one in enumerate(names):
        assert (painted[one] - pixels).abs().mean() > 0.02
        for other in names[i + 1 :]:
            assert (painted[one] - painted[other]).abs().mean() > 0.01, (one, other)
