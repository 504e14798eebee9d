"""`StoredRenewals`: items that are listed a second time, and those that have to be made anew."""

from collections.abc import Sequence

from sqlalchemy import select

from giornata.jobs import ledger
from giornata.jobs.database import Database
from giornata.jobs.ports import Clock
from giornata.jobs.schema import item
from giornata.jobs.states import ItemEvent, ItemState
from giornata.jobs.task import RenderTask

_ENDED = tuple(state for state in ItemState if state.is_terminal)


class StoredRenewals:
    """The part of a `JobStore` that a second listing needs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def known_keys(self, job_id: str, item_ids: Sequence[str]) -> dict[str, str]:
        """The content keys of those of these items that the job has, by their ids."""
        wanted = (item.c.job_id == job_id, item.c.item_id.in_(item_ids))
        query = select(item.c.item_id, item.c.content_key).where(*wanted)
        with self._database.read() as connection:
            return {row.item_id: row.content_key for row in connection.execute(query)}

    def renew_item(self, job_id: str, task: RenderTask, *, replace: bool) -> bool:
        """Queue an item again with a newer task; false when it is being worked on. Raises `UnknownJob`.

        `replace` lets it take the place of what was delivered before.
        """
        values = {
            "task": task.model_dump_json(),
            "content_key": task.content_key(),
            "may_replace": replace,
            "reason": "its source, its style or the engine has changed since",
            "failures": 0,
            "lost_workers": 0,
            "not_before": 0.0,
        }
        mine = (item.c.item_id == task.item_id,)
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            moved = ledger.move_items(
                connection, job_id, ItemEvent.REOPEN, *mine, among=_ENDED, values=values
            )
            if not moved:
                waiting = (item.c.job_id == job_id, item.c.state == ItemState.QUEUED, *mine)
                moved = connection.execute(item.update().where(*waiting).values(**values)).rowcount
        return bool(moved)
