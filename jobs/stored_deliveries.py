"""The deliveries in a `JobStore`: whose file stands at a name."""

from sqlalchemy import and_, or_, select

from giornata.jobs.database import Database
from giornata.jobs.naming import item_id_of
from giornata.jobs.records import Delivery
from giornata.jobs.schema import item
from giornata.jobs.states import ItemState

_PUT_THERE = and_(or_(item.c.state == ItemState.DONE, item.c.may_replace), item.c.sha256.is_not(None))


class StoredDeliveries:
    """The part of a `JobStore` that knows what we delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivery(self, target: str) -> Delivery | None:
        """The newest record that we delivered `target`, by any job; nothing when it is not ours."""
        columns = [item.c[name] for name in Delivery.__dataclass_fields__]
        query = select(*columns).where(
            item.c.item_id == item_id_of(target), item.c.state == ItemState.DONE, item.c.target == target
        )
        with self._database.read() as connection:
            row = connection.execute(query.order_by(item.c.finished_at.desc()).limit(1)).first()
            return Delivery(*row) if row else None

    def put_at(self, target: str) -> set[tuple[int, str]]:
        """Bytes and SHA-256 of all that we delivered to `target` and that may stand there now.

        An item that is queued again to replace what it delivered keeps these until it has.
        """
        query = select(item.c.bytes, item.c.sha256).where(
            item.c.item_id == item_id_of(target), item.c.target == target, _PUT_THERE
        )
        with self._database.read() as connection:
            return {(row.bytes, row.sha256) for row in connection.execute(query)}

    def owns(self, target: str) -> bool:
        """Whether a file at `target` is ours: delivered, or being published when its manager died."""
        mine = (item.c.item_id == item_id_of(target), item.c.target == target)
        recorded = or_(item.c.state == ItemState.DONE, _PUT_THERE, item.c.intent_sha256.is_not(None))
        with self._database.read() as connection:
            return connection.execute(select(item.c.job_id).where(*mine, recorded)).first() is not None
