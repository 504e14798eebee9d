"""How a store of an earlier schema version becomes one of the next, statement by statement.

The statements are frozen text: the tables in `schema` go on changing, what led there does not. Version 1
knew only SQLite, so the first step is in its words.
"""

from collections.abc import Iterator

from giornata.jobs.store.schema import SCHEMA_VERSION

_TO_2 = (
    "ALTER TABLE job ADD COLUMN max_workers INTEGER",
    "ALTER TABLE job ADD COLUMN listed BOOLEAN NOT NULL DEFAULT 0",
    "ALTER TABLE job ADD COLUMN canary_open BOOLEAN NOT NULL DEFAULT 1",
    "ALTER TABLE job ADD COLUMN started_at FLOAT",
    "ALTER TABLE job ADD COLUMN finished_at FLOAT",
    "UPDATE job SET listed = 1 WHERE state <> 'listing'",
    # What has delivered already has shown that it can.
    """UPDATE job SET canary_open = 0
    WHERE job_id IN (SELECT job_id FROM counter WHERE state = 'done' AND amount > 0)""",
    """UPDATE job
    SET started_at = (SELECT min(at) FROM event WHERE event.job_id = job.job_id AND kind = 'start')""",
    """UPDATE job SET finished_at = updated_at
    WHERE state IN ('cancelled', 'completed', 'completed_with_failures', 'failed')""",
    "CREATE INDEX job_by_age ON job (created_at, job_id)",
    "CREATE INDEX job_by_state ON job (state, created_at)",
    "DROP INDEX item_by_id",
    "CREATE INDEX item_by_id ON item (item_id)",
    "CREATE INDEX item_in_order ON item (job_id, position)",
    "CREATE INDEX item_lost ON item (job_id, outcome_class) WHERE state IN ('failed', 'quarantined')",
    "ALTER TABLE attempt ADD COLUMN log TEXT NOT NULL DEFAULT ''",
    # SQLite cannot take a NOT NULL away, so the events move into a new table.
    """CREATE TABLE event_2 (
        event_id INTEGER NOT NULL PRIMARY KEY,
        job_id VARCHAR(80) REFERENCES job (job_id) ON DELETE CASCADE,
        at FLOAT NOT NULL,
        actor VARCHAR(100) NOT NULL,
        kind VARCHAR(32) NOT NULL,
        detail TEXT NOT NULL
    )""",
    "INSERT INTO event_2 SELECT event_id, job_id, at, actor, kind, detail FROM event",
    "DROP TABLE event",
    "ALTER TABLE event_2 RENAME TO event",
    "CREATE INDEX event_of_job ON event (job_id, event_id)",
    """CREATE TABLE worker (
        worker VARCHAR(100) NOT NULL PRIMARY KEY,
        state VARCHAR(32) NOT NULL,
        node VARCHAR(200) NOT NULL,
        pid INTEGER,
        job_id VARCHAR(80) NOT NULL,
        item_id VARCHAR(20) NOT NULL,
        done INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        seen_at FLOAT NOT NULL
    )""",
    """CREATE TABLE block (
        worker VARCHAR(100) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        reason TEXT NOT NULL,
        actor VARCHAR(100) NOT NULL,
        at FLOAT NOT NULL,
        PRIMARY KEY (worker, kind)
    )""",
    """CREATE TABLE notice (
        notice_id INTEGER NOT NULL PRIMARY KEY,
        job_id VARCHAR(80) NOT NULL REFERENCES job (job_id) ON DELETE CASCADE,
        url TEXT NOT NULL,
        kind VARCHAR(32) NOT NULL,
        body TEXT NOT NULL,
        tries INTEGER NOT NULL,
        not_before FLOAT NOT NULL,
        state VARCHAR(16) NOT NULL,
        last_error TEXT NOT NULL,
        created_at FLOAT NOT NULL
    )""",
    "CREATE INDEX notice_due ON notice (state, not_before)",
)

_TO_3 = ("ALTER TABLE item ADD COLUMN facts TEXT NOT NULL DEFAULT ''",)

MIGRATIONS: dict[int, tuple[str, ...]] = {1: _TO_2, 2: _TO_3}  # from that version to the one after it


def steps_from(version: int) -> Iterator[str] | None:
    """The statements that lead from `version` to the schema's own; None when there is no way."""
    if not all(number in MIGRATIONS for number in range(version, SCHEMA_VERSION)) or version > SCHEMA_VERSION:
        return None
    return (step for number in range(version, SCHEMA_VERSION) for step in MIGRATIONS[number])
