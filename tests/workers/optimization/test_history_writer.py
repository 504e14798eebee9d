from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from giornata.workers.optimization.history_writer import thinned


@given(st.integers(0, 5_000), st.integers(2, 200))
def test_points_are_evenly_apart_from_the_first_to_the_last(count: int, most: int) -> None:
    kept = thinned(count, most)
    assert len(kept) == min(count, most)
    assert list(kept) == sorted(set(kept))
    if count:
        assert (kept[0], kept[-1]) == (0, count - 1)
    steps = {later - earlier for earlier, later in pairwise(kept)}
    assert not steps or max(steps) - min(steps) <= 1
