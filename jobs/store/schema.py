"""The tables of the job store, one schema for every database; times are seconds since 1970."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 3

metadata = MetaData()


class Words(TypeDecorator[str]):
    """Text from outside; characters no database can keep (NUL, half a code point) are taken out.

    Of any length, because text too long for a column is an error on one database and none on the other.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """The stored form of `value`."""
        return None if value is None else storable(value)


def storable(value: str) -> str:
    """`value` as every database can keep it."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "").encode("utf-8", "backslashreplace").decode("utf-8")


setting = Table(
    "setting",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("job_id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("spec", Text, nullable=False),
    Column("spec_digest", String(64), nullable=False),
    Column("base", Text, nullable=False),
    # The same token submitted twice is the same job. `run` uses name and digest.
    Column("client_token", Words, nullable=False, unique=True),
    Column("owner", Words, nullable=False, default=""),
    Column("priority", Integer, nullable=False, default=50),
    Column("max_workers", Integer),
    Column("state", String(32), nullable=False),
    Column("reason", Words, nullable=False, default=""),
    # Every item is in the store; items may run before that.
    Column("listed", Boolean, nullable=False, default=False),
    # The first items are still being watched; closed once they went well, or a person resumed.
    Column("canary_open", Boolean, nullable=False, default=True),
    Column("epoch", Integer, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("stale_reports", Integer, nullable=False, default=0),
    Column("pixels_done", BigInteger, nullable=False, default=0),
    Column("busy_s", Float, nullable=False, default=0.0),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Index("job_by_name", "name", "spec_digest"),
    Index("job_by_age", "created_at", "job_id"),
    Index("job_by_state", "state", "created_at"),
)

# Counters move in the transaction that moves the items: progress is one small read, never a COUNT.
counter = Table(
    "counter",
    metadata,
    Column("job_id", ForeignKey("job.job_id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("amount", Integer, nullable=False, default=0),
    PrimaryKeyConstraint("job_id", "state"),
)

LOST = text("state IN ('failed', 'quarantined')")  # an index is only used by a query that says the same words

item = Table(
    "item",
    metadata,
    Column("job_id", ForeignKey("job.job_id", ondelete="CASCADE"), nullable=False),
    Column("item_id", Words, nullable=False),
    Column("position", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("style_label", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("content_key", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("may_replace", Boolean, nullable=False, default=False),
    # attempts handed out; counted failures; workers that died on it
    Column("attempt", Integer, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("lost_workers", Integer, nullable=False, default=0),
    Column("tile_px", Integer),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("lease_epoch", Integer, nullable=False, default=0),
    Column("lease_worker", Words, nullable=False, default=""),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("last_worker", Words, nullable=False, default=""),
    # Written before the file is moved: tells a manager's death in between from a stranger's file.
    Column("intent_sha256", String(64)),
    Column("intent_bytes", BigInteger),
    Column("outcome_class", String(16)),
    Column("reason", Words, nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("sha256", String(64)),
    Column("bytes", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("warnings", Words, nullable=False, default=""),
    # Plain values as JSON: at first what was asked for, once delivered what was chosen and measured.
    Column("facts", Words, nullable=False, default=""),
    Column("finished_at", Float),
    PrimaryKeyConstraint("job_id", "item_id"),
    Index("item_in_line", "job_id", "state", "position"),
    # These two do not move when an item changes its state.
    Index("item_in_order", "job_id", "position"),
    Index("item_by_id", "item_id"),
    Index("item_lost", "job_id", "outcome_class", sqlite_where=LOST, postgresql_where=LOST),
)

# Failures and retries only: an item that goes through at once leaves no row here.
attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", Integer, primary_key=True),
    Column("job_id", Words, nullable=False),
    Column("item_id", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("worker", Words, nullable=False),
    Column("outcome_class", String(16), nullable=False),
    Column("reason", Words, nullable=False),
    Column("decision", Words, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("log", Words, nullable=False, default=""),
    ForeignKeyConstraint(["job_id", "item_id"], ["item.job_id", "item.item_id"], ondelete="CASCADE"),
    Index("attempt_of_item", "job_id", "item_id"),
)

# Append-only: who did what when, to which job or to none.
event = Table(
    "event",
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.job_id", ondelete="CASCADE")),
    Column("at", Float, nullable=False),
    Column("actor", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("detail", Words, nullable=False, default=""),
    Index("event_of_job", "job_id", "event_id"),
)

# What the manager last saw of its workers; written for people, read back by nobody.
worker = Table(
    "worker",
    metadata,
    Column("worker", Words, primary_key=True),
    Column("state", String(32), nullable=False),
    Column("node", Words, nullable=False),
    Column("pid", Integer),
    Column("job_id", Words, nullable=False),
    Column("item_id", Words, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("seen_at", Float, nullable=False),
)

# A worker may be held for two reasons at once, and is free when none is left.
block = Table(
    "block",
    metadata,
    Column("worker", Words, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("worker", "kind"),
)

# Messages for webhooks, kept until they are sent or given up.
notice = Table(
    "notice",
    metadata,
    Column("notice_id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.job_id", ondelete="CASCADE"), nullable=False),
    Column("url", Text, nullable=False),
    Column("kind", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("state", String(16), nullable=False),
    Column("last_error", Words, nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Index("notice_due", "state", "not_before"),
)
