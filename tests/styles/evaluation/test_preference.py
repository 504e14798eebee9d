"""Bradley–Terry gives known strengths back, stays finite, and is silent when too few voted."""

import numpy as np
import pytest

from giornata.styles.evaluation.preference import (
    LEAST_ANSWERS,
    LEAST_PEOPLE,
    Vote,
    preferences,
    strengths,
    unheard,
    win_shares,
)

KNOWN = {"a": 1.2, "b": 0.3, "c": -0.4, "d": -1.1}


def ballots(count: int, *, seed: int = 5, people: int = 3) -> list[Vote]:
    generator = np.random.default_rng(seed)
    names, votes = list(KNOWN), []
    for number in range(count):
        first, second = generator.choice(names, 2, replace=False)
        wins = generator.random() < 1 / (1 + np.exp(KNOWN[second] - KNOWN[first]))
        winner, loser = (first, second) if wins else (second, first)
        votes.append(Vote(str(winner), str(loser), f"person {number % people}"))
    return votes


def test_known_strengths_are_recovered() -> None:
    wins = np.zeros((4, 4))
    for i, mine in enumerate(KNOWN.values()):
        for j, theirs in enumerate(KNOWN.values()):
            wins[i, j] = 0 if i == j else 1000 / (1 + np.exp(theirs - mine))
    assert strengths(wins, prior=0) == pytest.approx(list(KNOWN.values()), abs=1e-6)


def test_votes_put_methods_in_order_with_the_truth_inside_the_intervals() -> None:
    rows = preferences(ballots(1200))
    assert [row.method for row in rows] == list(KNOWN)
    truth = win_shares(np.array(list(KNOWN.values())))
    for row, share in zip(rows, truth, strict=True):
        assert row.share.low - 0.02 <= share <= row.share.high + 0.02
        assert row.share.low < row.share.mean < row.share.high


def test_the_same_votes_give_the_same_intervals() -> None:
    votes = ballots(90)
    assert preferences(votes, draws=40) == preferences(votes, draws=40)


def test_one_that_never_lost_has_a_finite_strength() -> None:
    rows = preferences([Vote("a", "b", "one")] * 20, draws=20)
    assert 0.9 < rows[0].share.mean < 1


def test_only_ties_make_all_alike() -> None:
    rows = preferences([Vote("a", "b", "one", tie=True)] * 20, draws=20)
    assert [row.share.mean for row in rows] == [pytest.approx(0.5), pytest.approx(0.5)]


def test_one_that_met_nobody_is_in_the_middle() -> None:
    wins = np.zeros((3, 3))
    wins[0, 1] = 8
    assert strengths(wins)[0] > strengths(wins)[2] > strengths(wins)[1]


def test_too_few_people_are_not_told() -> None:
    enough = ballots(LEAST_PEOPLE * LEAST_ANSWERS)
    assert unheard(enough) is None
    assert unheard(enough[:-1]) is not None
    assert "2 of whom" in str(unheard(enough[:-1]))
    assert preferences([]) == []
