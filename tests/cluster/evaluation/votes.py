"""An evaluation of three methods and a floor, to be voted on."""

from giornata.cluster.evaluation.protocol import Measurement
from giornata.cluster.evaluation.results import Evaluation
from tests.cluster.evaluation.readings import SETUP

METHODS = ("alpha", "beta", "gamma", "palette")


def evaluation(photos: int = 8) -> Evaluation:
    readings = tuple(
        Measurement(method=method, photo=f"photo{number}", painting=painting, unseen=False, values={})
        for method in METHODS
        for number in range(photos)
        for painting in ("wave", "scream", "udnie")
    )
    return Evaluation(setup=SETUP, rows=(), readings=readings)
