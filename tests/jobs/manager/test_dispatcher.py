from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.manager.dispatcher import JobShare, allot

shares = st.lists(
    st.builds(
        JobShare,
        job_id=st.uuids().map(str),
        priority=st.integers(0, 2),
        in_flight=st.integers(0, 6),
        limit=st.none() | st.integers(1, 5),
    ),
    max_size=6,
    unique_by=lambda share: share.job_id,
)


def test_the_highest_priority_takes_all_it_can() -> None:
    low, high = JobShare("low", 10, 0), JobShare("high", 90, 0)
    assert allot([low, high], 4) == {"high": 4}
    assert allot([low, JobShare("high", 90, 0, limit=3)], 4) == {"high": 3, "low": 1}


def test_equal_jobs_share_and_a_new_one_catches_up() -> None:
    assert allot([JobShare("a", 50, 0), JobShare("b", 50, 0)], 4) == {"a": 2, "b": 2}
    assert allot([JobShare("old", 50, 5), JobShare("new", 50, 0)], 4) == {"new": 4}
    assert allot([JobShare("old", 50, 2), JobShare("new", 50, 0)], 4) == {"new": 3, "old": 1}


@given(shares, st.integers(0, 20))
def test_places_are_neither_wasted_nor_given_twice(some: list[JobShare], room: int) -> None:
    given_to = allot(some, room)
    by_id = {share.job_id: share for share in some}
    assert sum(given_to.values()) <= room
    for job_id, count in given_to.items():
        headroom = by_id[job_id].headroom
        assert headroom is None or count <= headroom
    if sum(given_to.values()) < room:
        # Whatever is left over, nobody could have taken.
        for share in some:
            assert share.headroom is not None
            assert given_to.get(share.job_id, 0) == share.headroom
    for share in some:
        for other in some:
            if share.priority > other.priority and given_to.get(other.job_id):
                assert share.headroom is not None
                assert given_to.get(share.job_id, 0) == share.headroom
