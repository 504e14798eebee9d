from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.model.paths import fold
from giornata.jobs.planning.conflicts import TargetIndex


@given(st.lists(st.text(min_size=1, max_size=20), max_size=30))
def test_the_index_finds_every_collision(names: list[str]) -> None:
    with TargetIndex() as index:
        found = [index.add_target(name, by=name) is not None for name in names]
    folded = [fold(name) for name in names]
    assert found == [name in folded[:place] for place, name in enumerate(folded)]


def test_a_target_that_is_a_source_is_found_in_either_order() -> None:
    with TargetIndex() as index:
        assert index.add_source("/a.jpg") is None
        assert index.add_target("/A.jpg", by="x") == "a source picture"
        assert index.add_target("/b.jpg", by="x in wave") is None
        assert index.add_source("/b.jpg") == "x in wave"
