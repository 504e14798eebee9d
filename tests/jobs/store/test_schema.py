from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.store.schema import metadata, storable
from giornata.jobs.store.store import JobStore


@given(st.text())
def test_what_is_stored_can_be_kept_by_every_database(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert storable(kept) == kept


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert storable(text) == text


def test_half_a_code_point_is_spelt_out() -> None:
    assert storable("a\ud800b\0c") == "a\\ud800bc"


def test_words_of_any_kind_come_back_as_they_were_stored(store: JobStore) -> None:
    store.events.append("odd", actor="a\0nna", detail="\ud800 " + 10_000 * "ä")
    (told,) = (event for event in store.events.page() if event.kind == "odd")
    assert (told.actor, told.detail) == ("anna", "\\ud800 " + 10_000 * "ä")


def test_every_row_of_a_job_goes_with_it() -> None:
    kept_for_good = {"setting", "worker", "block", "job"}
    for table in metadata.tables.values():
        ways = [key for key in table.foreign_keys if key.ondelete == "CASCADE"]
        assert bool(ways) is (table.name not in kept_for_good), table.name


def test_a_new_file_holds_every_table(store: JobStore, tmp_path: Path) -> None:
    with store._database.read() as connection:
        names = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master").all()}
    assert names >= set(metadata.tables)
