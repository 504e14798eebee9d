"""What people prefer, from blind pairs: strengths after Bradley and Terry 1952, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giornata.styles.evaluation.bootstrap import COVERAGE, SEED, Interval

ITERATIONS, TOLERANCE = 2000, 1e-10
DRAWS = 400
PRIOR_WINS = 0.5  # of every method against every other it met, each way: keeps one that never lost finite
LEAST_PEOPLE, LEAST_ANSWERS = 3, 60  # answers of each of them: below that nothing is printed


@dataclass(frozen=True)
class Vote:
    """One answer: `winner` was preferred to `loser` by `person`, or neither was (`tie`)."""

    winner: str
    loser: str
    person: str
    tie: bool = False


@dataclass(frozen=True)
class Preference:
    """A method's expected share of wins against the other methods, 0..1, and how often it was shown."""

    method: str
    share: Interval


def unheard(votes: Sequence[Vote]) -> str | None:
    """Reason why these votes are too few to report, or None when they are enough."""
    answers = {person: sum(vote.person == person for vote in votes) for person in {v.person for v in votes}}
    diligent = sum(count >= LEAST_ANSWERS for count in answers.values())
    if diligent >= LEAST_PEOPLE:
        return None
    return (
        f"{len(votes)} answers of {len(answers)} people, {diligent} of whom answered {LEAST_ANSWERS}; "
        f"needed {LEAST_PEOPLE}"
    )


def strengths(wins: NDArray[np.float64], *, prior: float = PRIOR_WINS) -> NDArray[np.float64]:
    """Bradley–Terry log-strengths, mean 0: `wins[i, j]` is how often i was preferred to j, n x n.

    P(i before j) = 1 / (1 + exp(s_j − s_i)), by the minorisation of Hunter 2004. `prior` wins are added each
    way for pairs that met. A method that met nobody has strength 0.
    """
    met = (wins + wins.T) > 0
    padded = wins + prior * met
    games = padded + padded.T
    won, gamma = padded.sum(1), np.ones(len(wins))
    for _ in range(ITERATIONS):
        weight = (games / (gamma[:, None] + gamma)).sum(1)
        fresh = np.where(weight > 0, won / np.maximum(weight, 1e-300), 1.0)
        fresh /= np.exp(np.log(fresh).mean())
        moved = float(np.abs(np.log(fresh / gamma)).max(initial=0.0))
        gamma = fresh
        if moved < TOLERANCE:
            break
    return np.log(gamma)


def win_shares(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean probability of each method to be preferred to another, 0..1, from its log-strength."""
    if len(logs) < 2:
        return np.ones(len(logs))
    odds = 1 / (1 + np.exp(logs[None, :] - logs[:, None]))
    return (odds.sum(1) - 0.5) / (len(logs) - 1)


def preferences(votes: Sequence[Vote], *, draws: int = DRAWS, seed: int = SEED) -> list[Preference]:
    """Every method's share of wins with a 95 % interval, the most preferred first.

    A tie is half a win each way. Intervals come from drawing votes again within every person (Efron 1979),
    seeded. An empty list for no votes.
    """
    methods = sorted({name for vote in votes for name in (vote.winner, vote.loser)})
    if not methods:
        return []
    shares = win_shares(strengths(_table(votes, methods)))
    generator = np.random.default_rng(seed)
    drawn = [win_shares(strengths(_table(_redrawn(votes, generator), methods))) for _ in range(draws)]
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(np.array(drawn), (tail, 1 - tail), axis=0)
    shown = {name: sum(name in (vote.winner, vote.loser) for vote in votes) for name in methods}
    rows = [
        Preference(name, Interval(float(shares[i]), float(low[i]), float(high[i]), shown[name]))
        for i, name in enumerate(methods)
    ]
    return sorted(rows, key=lambda row: -row.share.mean)


def _table(votes: Sequence[Vote], methods: Sequence[str]) -> NDArray[np.float64]:
    index = {name: number for number, name in enumerate(methods)}
    wins = np.zeros((len(methods), len(methods)))
    for vote in votes:
        winner, loser = index[vote.winner], index[vote.loser]
        wins[winner, loser] += 0.5 if vote.tie else 1.0
        wins[loser, winner] += 0.5 if vote.tie else 0.0
    return wins


def _redrawn(votes: Sequence[Vote], generator: np.random.Generator) -> list[Vote]:
    drawn: list[Vote] = []
    for person in sorted({vote.person for vote in votes}):
        own = [vote for vote in votes if vote.person == person]
        drawn += [own[i] for i in generator.integers(len(own), size=len(own))]
    return drawn
