import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.workers.errors import EffectRefused
from giornata.workers.rendering.quality import STEPS, faithful_strength


@given(st.floats(0.1, 1), st.floats(0.05, 0.95))
def test_the_strength_is_the_highest_that_is_faithful(strength: float, floor: float) -> None:
    tried = []

    def similarity(at: float) -> float:
        tried.append(at)
        return 1 - at

    found, reached = faithful_strength(similarity, strength=strength, floor=floor)
    assert reached >= floor
    assert found <= strength
    assert len(tried) <= STEPS + 2
    if found < strength:
        assert (1 - floor) - found <= strength / 2**STEPS + 1e-9


def test_a_style_that_is_faithful_as_it_stands_is_tried_once() -> None:
    assert faithful_strength(lambda at: 0.9, strength=0.7, floor=0.6) == (0.7, 0.9)


def test_a_floor_that_nothing_reaches_is_said() -> None:
    with pytest.raises(EffectRefused, match=r"similarity of 0.500 at strength 0, needed a lower one"):
        faithful_strength(lambda at: 0.5 - at / 10, strength=1, floor=0.6)
