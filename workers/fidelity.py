"""Lowers a style's strength until a picture is as close to its source as was asked."""

from collections.abc import Callable

from giornata.workers.errors import EffectRefused

STEPS = 5  # halvings: the strength is found to a thirty-second
TRIAL_PX = 640  # long side of the copies that are tried
ROUNDS = 3  # times that a whole picture is rendered again when its copy promised too much
BACK = 0.8  # of the strength is left after each of them


def faithful_strength(
    similarity: Callable[[float], float], *, strength: float, floor: float
) -> tuple[float, float]:
    """The highest strength up to `strength` found to reach `floor`, and the similarity it reaches.

    `similarity` renders a trial at a strength and compares it. Raises `EffectRefused` when not even strength
    0 is close enough.
    """
    reached = similarity(strength)
    if reached >= floor:
        return strength, reached
    low, high = 0.0, strength
    best = similarity(low)
    if best < floor:
        got = f"a similarity of {best:.3f} at strength 0"
        raise EffectRefused(f"keeping a similarity of {floor:g}", got, "a lower one")
    for _ in range(STEPS):
        middle = (low + high) / 2
        reached = similarity(middle)
        if reached >= floor:
            low, best = middle, reached
        else:
            high = middle
    return low, best
