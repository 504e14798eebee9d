from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from giornata.jobs.model.states import ItemState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.schema import item
from giornata.jobs.store.state_map import POINTS, StateMap, StateRange
from giornata.jobs.store.store import JobStore
from tests.support.job_rows import task

SpecOf = Callable[..., JobSpec]
Placed = dict[int, ItemState]
QUEUED, DONE = ItemState.QUEUED, ItemState.DONE


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


def place(store: JobStore, job_id: str, placed: Placed) -> StateMap:
    """Rows of a job at these positions, in these states."""
    plain = task("a")
    rows = [
        {
            "job_id": job_id,
            "item_id": f"{position:020}",
            "position": position,
            "source": plain.source,
            "target": f"/out/{position}.jpg",
            "style_label": "wave",
            "task": plain.model_dump_json(),
            "content_key": plain.content_key(),
            "state": str(state),
        }
        for position, state in placed.items()
    ]
    with store._database.write() as connection:
        if rows:
            connection.execute(insert(item), rows)
    return StateMap(store._database)


def by_hand(placed: Placed, first: int, last: int) -> set[StateRange]:
    """Runs of neighbours of one state, counted one by one."""
    runs = list[StateRange]()
    for position in sorted(placed):
        if not first <= position <= last:
            continue
        before = runs[-1] if runs else None
        if before and (before.state, before.last) == (placed[position], position - 1):
            runs[-1] = StateRange(before.state, before.first, position)
        else:
            runs.append(StateRange(placed[position], position, position))
    return set(runs)


def test_neighbours_of_one_state_are_one_run(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    states = place(store, job_id, {0: QUEUED, 1: QUEUED, 2: DONE, 3: QUEUED, 5: QUEUED})
    assert set(states.ranges(job_id)) == {
        StateRange(QUEUED, 0, 1),
        StateRange(DONE, 2, 2),
        StateRange(QUEUED, 3, 3),
        StateRange(QUEUED, 5, 5),
    }
    assert states.ranges(job_id, states=[DONE]) == [StateRange(DONE, 2, 2)]
    assert set(states.ranges(job_id, first=1, last=3)) == by_hand({1: QUEUED, 2: DONE, 3: QUEUED}, 0, 9)
    assert states.ranges("none") == []


def test_the_highest_position_of_a_state_is_told(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    states = place(store, job_id, {0: QUEUED, 4: DONE, 7: QUEUED})
    assert states.highest(job_id) == 7
    assert states.highest(job_id, [DONE]) == 4
    assert states.highest(job_id, [ItemState.FAILED]) == -1
    assert states.highest("none") == -1


def test_more_positions_than_one_statement_names_are_all_told(
    store: JobStore, spec_of: SpecOf, tmp_path: Path
) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    placed = {position: (DONE if position % 3 else QUEUED) for position in range(POINTS + 7)}
    states = place(store, job_id, placed)
    assert states.at(job_id, range(POINTS + 50)) == placed
    assert states.at(job_id, [3, 4, 10_000]) == {3: QUEUED, 4: DONE}
    assert states.at(job_id, []) == {}


@settings(max_examples=25)
@given(
    placed=st.dictionaries(st.integers(0, 40), st.sampled_from(list(ItemState)), max_size=30),
    window=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_any_map_is_that_of_its_rows(
    tmp_path_factory: pytest.TempPathFactory, placed: Placed, window: tuple[int, int]
) -> None:
    first, last = sorted(window)
    words = {"name": "a", "inputs": "scans", "styles": ["wave"], "destination": "out"}
    with JobStore(tmp_path_factory.mktemp("map") / "jobs.sqlite") as store:
        job_id = store.jobs.create(parse_spec(words, origin="spec"), base=Path("/"))
        states = place(store, job_id, placed)
        ranges = states.ranges(job_id, first=first, last=last)
        assert len(ranges) == len(set(ranges))
        assert set(ranges) == by_hand(placed, first, last)
        assert states.at(job_id, list(range(41))) == placed
        assert states.highest(job_id) == max(placed, default=-1)
