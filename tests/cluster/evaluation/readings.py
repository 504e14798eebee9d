"""Readings of an evaluation, made up, that show every kind of row."""

from giornata.cluster.evaluation.methods import Method, floor_methods
from giornata.cluster.evaluation.protocol import Measurement
from giornata.cluster.evaluation.results import Evaluation, Setup, rows_of

METHODS = [*floor_methods(), Method("good", "good one"), Method("bad", "bad one")]
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


def evaluation(**fields: object) -> Evaluation:
    rows = rows_of(READINGS, METHODS)
    return Evaluation.model_validate({"setup": SETUP, "rows": rows, "readings": tuple(READINGS)} | fields)
