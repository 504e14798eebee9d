"""Votes: a local page of blind pairs, and the answers that people saved from it.

The page needs no service: it is opened from the disk, and its answers are a file that goes back beside it.
Which method made which image is in a key of its own, so that the page's source tells nothing.
"""

import json
import random
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giornata.cluster.evaluation.methods import FLOORS
from giornata.cluster.evaluation.protocol import image_path
from giornata.cluster.evaluation.results import Evaluation
from giornata.cluster.evaluation.vote_page import page
from giornata.styles.evaluation.errors import BadEvaluation, BadVotes
from giornata.styles.evaluation.preference import Vote, preferences, unheard

FOLDER, PAGE, KEY = "vote", "vote.html", "key.json"
ANSWERS = "answers-*.json"
PAIRS = 60  # of one page: what one person answers
SEED = 1
Model = TypeVar("Model", bound=BaseModel)


class Pair(BaseModel):
    """Two images of one photograph and painting, in the order they are shown; files lie beside the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    photo: str
    painting: str
    left: str
    right: str


class Key(BaseModel):
    """The secret of a page: the methods of its pairs. `token` ties answers to this page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    pairs: tuple[Pair, ...]


class Answers(BaseModel):
    """What one person saved: by pair number "left", "right" or "same"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    person: str = Field(min_length=1, max_length=80)
    answers: dict[int, str]


def write_page(evaluation: Evaluation, folder: Path, *, seed: int = SEED, count: int = PAIRS) -> Path:
    """Write page, images and key below `folder`, anew. Raises `BadEvaluation` for too few methods."""
    place = folder / FOLDER
    pairs = draw_pairs(evaluation, seed=seed, count=count)
    shutil.rmtree(place / "images", ignore_errors=True)
    (place / "images").mkdir(parents=True, exist_ok=True)
    for pair in pairs:
        for side in ("left", "right"):
            source = image_path(folder, getattr(pair, side), pair.painting, pair.photo)
            try:
                shutil.copyfile(source, place / "images" / f"{pair.number:03d}-{side}.png")
            except OSError as exc:
                raise BadEvaluation("writing blind pairs", f"no {source}", "the images of the table") from exc
    token = f"{random.Random(json.dumps([p.model_dump() for p in pairs])).getrandbits(64):016x}"  # noqa: S311
    (place / KEY).write_text(Key(token=token, pairs=pairs).model_dump_json(indent=1), encoding="utf-8")
    path = place / PAGE
    path.write_text(page(token, len(pairs)), encoding="utf-8")
    return path


def draw_pairs(evaluation: Evaluation, *, seed: int, count: int) -> tuple[Pair, ...]:
    """`count` pairs, every two methods about as often, sides and order shuffled by `seed`.

    Floors are not shown. Raises `BadEvaluation` when no photograph and painting has two methods.
    """
    methods: dict[tuple[str, str], list[str]] = {}
    for reading in evaluation.readings:
        if reading.method not in FLOORS:
            methods.setdefault((reading.photo, reading.painting), []).append(reading.method)
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for subject, names in methods.items():
        for match in combinations(sorted(names), 2):
            groups.setdefault(match, []).append(subject)
    if not groups:
        raise BadEvaluation("drawing blind pairs", "fewer than two methods", "two that painted the same")
    generator = random.Random(seed)  # noqa: S311 - a shuffle, nothing secret
    for subjects in groups.values():
        generator.shuffle(subjects)
    rounds = max(len(subjects) for subjects in groups.values())
    drawn = [
        (match, subjects[turn])
        for turn in range(rounds)
        for match, subjects in groups.items()
        if turn < len(subjects)
    ][:count]
    generator.shuffle(drawn)
    pairs = []
    for number, (match, (photo, painting)) in enumerate(drawn, start=1):
        left, right = generator.sample(match, 2)
        pairs.append(Pair(number=number, photo=photo, painting=painting, left=left, right=right))
    return tuple(pairs)


def read_votes(folder: Path) -> list[Vote]:
    """All answers beside the page, in the methods' names. Raises `BadVotes`."""
    place = folder / FOLDER
    files = sorted(place.glob(ANSWERS))
    if not files:
        return []
    key = _read(place / KEY, Key)
    pairs = {pair.number: pair for pair in key.pairs}
    votes: list[Vote] = []
    for path in files:
        answers = _read(path, Answers)
        if answers.token != key.token:
            raise BadVotes(str(path), f"answers to page {answers.token}", f"those to page {key.token}")
        votes += [_vote(path, pairs, answers.person, *answer) for answer in answers.answers.items()]
    return votes


def _vote(path: Path, pairs: dict[int, Pair], person: str, number: int, answer: str) -> Vote:
    if number not in pairs or answer not in ("left", "right", "same"):
        raise BadVotes(
            str(path), f"{answer!r} for pair {number}", "left, right or same for a pair of the page"
        )
    pair = pairs[number]
    winner, loser = (pair.right, pair.left) if answer == "right" else (pair.left, pair.right)
    return Vote(winner, loser, person, tie=answer == "same")


def _read(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as exc:
        reason = exc.errors()[0]["msg"] if isinstance(exc, ValidationError) else str(exc)
        raise BadVotes(str(path), reason, "a file that the page of pairs saved") from exc


def with_preferences(evaluation: Evaluation, votes: Sequence[Vote]) -> Evaluation:
    """The evaluation with the preferences in the votes, or why the votes are too few."""
    if not votes:
        return evaluation
    reason = unheard(votes)
    update: dict[str, object] = {"preferences": (), "preference_missing": reason}
    if reason is None:
        update = {"preferences": tuple(preferences(votes)), "preference_missing": ""}
    return evaluation.model_copy(update=update)
