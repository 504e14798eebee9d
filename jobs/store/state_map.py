"""`StateMap`: which states a job's items are in, as runs of neighbours, read from an index alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from giornata.jobs.model.states import ItemState
from giornata.jobs.store.database import Database
from giornata.jobs.store.schema import item

POINTS = 500  # positions named in one statement


@dataclass(frozen=True)
class StateRange:
    """Items from position `first` to `last`, both included, that are in one state."""

    state: ItemState
    first: int
    last: int


class StateMap:
    """The part of a `JobStore` that a map of a whole job is drawn from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ranges(
        self,
        job_id: str,
        *,
        first: int = 0,
        last: int = 2**31 - 1,
        states: Collection[ItemState] = tuple(ItemState),
    ) -> list[StateRange]:
        """The items in `states` from position `first` to `last`, in no order.

        A position that no run of any state holds belongs to no item.
        """
        ranges = []
        with self._database.read() as connection:
            for state in states:
                # Neighbours are as far from their position as from their place in the line.
                place = func.row_number().over(order_by=item.c.position)
                lined = select(item.c.position, (item.c.position - place).label("island")).where(
                    item.c.job_id == job_id, item.c.state == str(state), item.c.position.between(first, last)
                )
                part = lined.subquery()
                ends = select(func.min(part.c.position), func.max(part.c.position)).group_by(part.c.island)
                ranges += [StateRange(state, low, high) for low, high in connection.execute(ends)]
        return ranges

    def at(self, job_id: str, positions: Sequence[int]) -> dict[int, ItemState]:
        """The states of the items at these positions, as far as there are any."""
        states: dict[int, ItemState] = {}
        with self._database.read() as connection:
            for start in range(0, len(positions), POINTS):
                chunk = list(positions[start : start + POINTS])
                for state in ItemState:
                    query = select(item.c.position).where(
                        item.c.job_id == job_id, item.c.state == str(state), item.c.position.in_(chunk)
                    )
                    states |= dict.fromkeys(connection.scalars(query), state)
        return states

    def highest(self, job_id: str, states: Collection[ItemState] = tuple(ItemState)) -> int:
        """The highest position of an item in one of these states, -1 when there is none."""
        with self._database.read() as connection:
            positions = [
                connection.scalar(
                    select(func.max(item.c.position)).where(
                        item.c.job_id == job_id, item.c.state == str(state)
                    )
                )
                for state in states
            ]
        return max((place for place in positions if place is not None), default=-1)
