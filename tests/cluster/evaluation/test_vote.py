"""Blind pairs: balanced, shuffled, nothing of the methods in the page; answers come back as votes."""

import json
from pathlib import Path

import pytest

from giornata.cluster.evaluation.vote import (
    Key,
    draw_pairs,
    read_votes,
    with_preferences,
    write_page,
)
from giornata.styles.evaluation.errors import BadEvaluation, BadVotes
from giornata.styles.evaluation.preference import LEAST_ANSWERS
from tests.cluster.evaluation.votes import evaluation


def answer(folder: Path, person: str, choose: str) -> Path:
    """Answers of a person who always prefers one method where it is shown."""
    key = Key.model_validate_json((folder / "vote" / "key.json").read_text())
    answers = {
        pair.number: "left" if pair.left == choose else "right" if pair.right == choose else "same"
        for pair in key.pairs
    }
    path = folder / "vote" / f"answers-{person}.json"
    path.write_text(json.dumps({"token": key.token, "person": person, "answers": answers}))
    return path


def test_pairs_are_balanced_shuffled_and_without_floors() -> None:
    pairs = draw_pairs(evaluation(), seed=1, count=60)
    assert len(pairs) == 60
    matches = [frozenset((pair.left, pair.right)) for pair in pairs]
    assert {match: matches.count(match) for match in matches} == dict.fromkeys(set(matches), 20)
    assert all(pair.left != pair.right for pair in pairs)
    assert "palette" not in {name for match in matches for name in match}
    firsts = sum(pair.left < pair.right for pair in pairs)
    assert 15 < firsts < 45
    assert pairs == draw_pairs(evaluation(), seed=1, count=60)


def test_answers_come_back_and_are_told_when_there_are_enough(folder: Path) -> None:
    write_page(evaluation(), folder)
    assert read_votes(folder) == []
    answer(folder, "one", "beta")
    few = with_preferences(evaluation(), read_votes(folder))
    assert few.preferences == ()
    assert f"{LEAST_ANSWERS} answers of 1 people" in few.preference_missing
    for person in ("two", "three"):
        answer(folder, person, "beta")
    told = with_preferences(evaluation(), read_votes(folder))
    assert told.preferences[0].method == "beta"
    assert told.preferences[0].share.mean > 0.9
    assert told.preference_missing == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": "other"}, "answers to page other"),
        ({"answers": {"1": "both"}}, "'both' for pair 1"),
        ({"answers": {"999": "left"}}, "'left' for pair 999"),
        ({"person": ""}, "saved"),
    ],
)
def test_answers_of_another_page_or_kind_are_refused(
    change: dict[str, object], words: str, folder: Path
) -> None:
    write_page(evaluation(), folder)
    path = answer(folder, "one", "beta")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadVotes, match=words):
        read_votes(folder)


def test_one_method_makes_no_pair() -> None:
    lone = evaluation().model_copy(update={"readings": evaluation().readings[:4]})
    with pytest.raises(BadEvaluation, match="two"):
        draw_pairs(lone, seed=1, count=5)
