from pathlib import Path

import numpy as np
import pytest

from giornata.cluster.evaluation.methods import (
    ANY_PAINTING,
    AnyPainting,
    Method,
    floor_methods,
    library_methods,
    named,
    network_method,
)
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.library import Library
from giornata.styles.universal.loader import save_network
from giornata.styles.universal.network import seeded

METHODS = [*floor_methods(), Method("good", "good one"), Method("bad", "bad one")]


def test_floors_are_always_there_and_an_unknown_method_is_refused() -> None:
    assert [one.name for one in named(METHODS, ["bad"])] == ["unchanged", "palette", "bad"]
    with pytest.raises(BadEvaluation, match=r"great.*some of unchanged, palette, good, bad"):
        named(METHODS, ["great"])


def test_a_way_to_paint_like_any_painting_drops_in_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = AnyPainting(lambda painting: lambda photo, strength: photo)
    away = AnyPainting(here.factory, lambda: (tmp_path / "no such weights",))
    for name, one in {"painters": here, "other": here, "later": away}.items():
        monkeypatch.setitem(ANY_PAINTING, name, one)
    methods = {one.name: one for one in library_methods(Library())}
    assert methods["painters"].factory is not None
    assert "great-wave" in methods["painters"].styles
    assert methods["other"].styles == {}
    assert "later" not in methods


def test_a_network_before_it_is_published_paints_like_any_painting(tmp_path: Path) -> None:
    path = tmp_path / "tried.safetensors"
    save_network(seeded(1), path)
    method = network_method(path)
    generator = np.random.default_rng(1)
    photo, painting = (generator.random((70, 50 + 20 * i, 3), np.float32) for i in range(2))
    assert method.factory is not None
    output = method.factory(painting)(photo, 1.0)
    assert method.name == "universal-tried"
    assert output.shape == photo.shape
    assert 0 <= output.min() <= output.max() <= 1
    assert method.bytes == path.stat().st_size
