"""Readings become rows with intervals, the table says what is missing, the plot stands by itself."""

from pathlib import Path
from xml.etree import ElementTree

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
from giornata.cluster.evaluation.plot import scatter_svg
from giornata.cluster.evaluation.protocol import Measurement
from giornata.cluster.evaluation.results import TO_PALETTE, Evaluation, Setup, rows_of
from giornata.cluster.evaluation.table import markdown
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.library import Library
from giornata.styles.universal.loader import save_network
from giornata.styles.universal.network import seeded

SETUP = Setup(
    version="1",
    size_px=96,
    square=False,
    threads=1,
    machine="a machine",
    photos=("one", "two"),
    paintings=("wave",),
    unseen_paintings=(),
)


def reading(method: str, photo: str, style: float, damage: float, *, unseen: bool = False) -> Measurement:
    values: dict[str, float | None] = {"squeeze_3": style, "lpips": damage, "unrest": None}
    return Measurement(method=method, photo=photo, painting="wave", unseen=unseen, values=values)


READINGS = [
    reading("palette", "one", 0.8, 0.2),
    reading("palette", "two", 0.6, 0.2),
    reading("good", "one", 0.2, 0.4),
    reading("good", "two", 0.3, 0.4),
    reading("bad", "one", 0.4, 0.5),
    reading("bad", "two", 0.6, 0.6),
    reading("good", "one", 0.9, 0.4, unseen=True),
]
METHODS = [*floor_methods(), Method("good", "good one"), Method("bad", "bad one")]


def evaluation(**fields: object) -> Evaluation:
    rows = rows_of(READINGS, METHODS)
    return Evaluation.model_validate({"setup": SETUP, "rows": rows, "readings": tuple(READINGS)} | fields)


def test_rows_are_means_over_photographs_apart_for_unseen_paintings() -> None:
    rows = {(row.method, row.unseen): row for row in evaluation().rows}
    assert set(rows) == {("palette", False), ("good", False), ("bad", False), ("good", True)}
    assert rows["good", False].measures["squeeze_3"].mean == pytest.approx(0.25)
    assert rows["good", False].measures[TO_PALETTE].mean == pytest.approx(0.25 / 0.7)
    assert rows["good", True].images == 1
    assert TO_PALETTE not in rows["good", True].measures
    assert "unrest" not in rows["good", False].measures


def test_a_method_worse_on_both_axes_says_by_which() -> None:
    rows = {(row.method, row.unseen): row for row in evaluation().rows}
    assert rows["bad", False].dominated_by == ("good",)
    assert rows["good", False].dominated_by == ()


def test_the_table_names_what_was_not_measured_and_no_preference_without_votes() -> None:
    text = markdown(evaluation(missing={"vgg19": "no file"}, left_out=("gatys: not measured: left out",)))
    assert "VGG-19 (trained on): not measured: no file" in text
    assert "gatys: not measured: left out" in text
    assert "Not measured: nobody voted" in text
    assert "VGG-19 (trained on) ↓" not in text
    assert "## Paintings no training saw" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines
    assert all(line.count("|") > 2 for line in lines)


def test_the_evaluation_survives_its_file() -> None:
    before = evaluation()
    assert Evaluation.model_validate_json(before.model_dump_json()) == before


def test_the_plot_has_a_point_a_row_and_is_whole() -> None:
    root = ElementTree.fromstring(scatter_svg(evaluation()))  # noqa: S314 - our own
    circles = [one for one in root.iter() if one.tag.endswith("circle")]
    assert len(circles) == 4
    texts = " ".join("".join(one.itertext()) for one in root.iter() if one.tag.endswith("text"))
    assert "LPIPS-Alex" in texts
    assert "good (unseen)" in texts


def test_a_plot_of_nothing_says_so() -> None:
    assert "not measured" in scatter_svg(evaluation(rows=()))


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
