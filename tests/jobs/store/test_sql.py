from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, select, update

from giornata.jobs.store.database import Database
from giornata.jobs.store.schema import setting, worker
from giornata.jobs.store.sql import insert_new, run_many

PLAIN = {"state": "idle", "node": "n", "pid": None, "job_id": "", "item_id": "", "done": 0, "failures": 0}
_RENAME = (
    update(worker)
    .where(worker.c.worker == bindparam("which"))
    .values(node=bindparam("to"), done=worker.c.done + 2, state="busy")
)


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    opened = Database(place)
    yield opened
    opened.close()


def test_one_statement_runs_for_many_rows_with_what_they_share(database: Database) -> None:
    rows = [{"worker": name, "seen_at": 1.0, **PLAIN} for name in "abc"]
    with database.write() as connection:
        assert insert_new(connection, worker, rows) == 3
        changes = [{"which": "a", "to": "x"}, {"which": "c", "to": "z"}, {"which": "none", "to": "y"}]
        assert run_many(connection, _RENAME, changes) == 2
    with database.read() as connection:
        columns = (worker.c.worker, worker.c.node, worker.c.done, worker.c.state)
        found = [tuple(row) for row in connection.execute(select(*columns).order_by(worker.c.worker))]
    assert found == [("a", "x", 2, "busy"), ("b", "n", 0, "idle"), ("c", "z", 2, "busy")]


def test_rows_that_are_there_already_are_left_alone(database: Database) -> None:
    with database.write() as connection:
        assert insert_new(connection, setting, [{"key": "a", "value": "1"}]) == 1
        assert insert_new(connection, setting, [{"key": name, "value": "2"} for name in "abc"]) == 2
        assert connection.scalar(select(setting.c.value).where(setting.c.key == "a")) == "1"


def test_no_rows_are_no_work(database: Database) -> None:
    with database.write() as connection:
        assert insert_new(connection, setting, []) == 0
        assert run_many(connection, _RENAME, []) == 0
