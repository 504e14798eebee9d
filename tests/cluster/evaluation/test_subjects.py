"""Which photographs and paintings are taken: held-out ones by name, a style's picture by its recipe."""

from pathlib import Path

import pytest

from giornata.cluster.evaluation.subjects import choose_paintings, choose_photos, recipe_images
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.library import Library
from giornata.styles.training.held_out import load_held_out
from tests.cluster.evaluation.tiny_set import TinySet

SHIPPED = [shelved.card for shelved in Library().styles.values()]


def test_the_held_out_lists_hold_twenty_photographs_and_ten_paintings() -> None:
    lists = load_held_out()
    assert (len(lists.photos), len(lists.paintings)) == (20, 10)
    assert not lists.paintings & set(recipe_images().values())


def test_styles_find_their_paintings_and_unseen_ones_are_marked(tiny: TinySet) -> None:
    paintings = choose_paintings([tiny.paintings], SHIPPED, unseen=load_held_out().paintings)
    assert {(one.name, one.unseen) for one in paintings} == {
        ("hokusai_great_wave", False),
        ("munch_the_scream", False),
        ("vangogh_sunflowers", True),
    }
    assert "great-wave" in paintings[0].styles


def test_photographs_are_limited_evenly_and_by_name(tiny: TinySet) -> None:
    names = [
        [
            one.name
            for one in choose_photos([tiny.photos], short_side_px=96, square=False, only=only, limit=limit)
        ]
        for only, limit in ((None, None), (frozenset({"wp17_header"}), None), (None, 1))
    ]
    assert names == [["ollie_desktop", "wp17_header"], ["wp17_header"], ["ollie_desktop"]]


def test_no_photograph_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(BadEvaluation, match="none in"):
        choose_photos([tmp_path], short_side_px=96, square=False, only=None, limit=None)
    with pytest.raises(BadEvaluation, match="not there"):
        choose_photos([tmp_path / "away"], short_side_px=96, square=False, only=None, limit=None)
