"""A bounded dictionary forgets what was not used for longest."""

import pytest

from giornata.lru_dict import LruDict


def filled(size: int, keys: str) -> LruDict[str, int]:
    entries = LruDict[str, int](size)
    for number, key in enumerate(keys):
        entries[key] = number
    return entries


def test_the_oldest_entry_goes_first() -> None:
    assert dict(filled(2, "abc")) == {"b": 1, "c": 2}


@pytest.mark.parametrize("use", [lambda entries: entries["a"], lambda entries: "a" in entries])
def test_reading_an_entry_keeps_it(use: object) -> None:
    entries = filled(2, "ab")
    assert callable(use)
    use(entries)
    entries["c"] = 2
    assert sorted(entries) == ["a", "c"]


def test_writing_an_entry_again_keeps_it() -> None:
    assert dict(filled(2, "abac")) == {"a": 2, "c": 3}


def test_updates_and_defaults_are_bounded_as_well() -> None:
    entries = filled(2, "ab")
    entries.update(dict.fromkeys("cd", 0))
    assert entries.setdefault("e", 5) == 5
    assert sorted(entries) == ["d", "e"]


def test_entries_can_be_read_and_removed_in_a_loop() -> None:
    entries = filled(3, "abc")
    assert list(entries.items()) == [("a", 0), ("b", 1), ("c", 2)]
    for key in entries:
        del entries[key]
    assert len(entries) == 0
    assert entries.pop("a", None) is None
