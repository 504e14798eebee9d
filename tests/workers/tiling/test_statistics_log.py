"""A workbook gives back to the last bit what processes wrote into it, and nothing that was cut off."""

from pathlib import Path

import numpy as np
import pytest

from giornata.styles.moments import Moments
from giornata.workers.tiling.statistics_log import StatisticsLog


def moments(seed: int, channels: int = 5) -> Moments:
    made = np.random.default_rng(seed).random((2, channels)) / 3
    return Moments(100 + seed, made[0], made[1])


def same(one: Moments | None, other: Moments) -> bool:
    return (
        one is not None
        and one.count == other.count
        and np.array_equal(one.total, other.total)
        and np.array_equal(one.squares, other.squares)
    )


def test_totals_come_back_to_the_last_bit_and_are_stored_once(tmp_path: Path) -> None:
    book = StatisticsLog(tmp_path / "book")
    assert book.totals() == ()
    totals = (moments(1), moments(2, channels=3))
    book.learn(totals)
    book.learn(totals[:1])
    again = StatisticsLog(tmp_path / "book").totals()
    assert len(again) == 2
    assert all(same(one, other) for one, other in zip(again, totals, strict=True))


def test_what_other_processes_note_is_seen_by_phase(tmp_path: Path) -> None:
    mine, other = StatisticsLog(tmp_path / "book"), StatisticsLog(tmp_path / "book")
    other.note(0, 7, moments(7))
    assert same(mine.moments(0, 7), moments(7))
    assert mine.moments(0, 8) is None
    other.note(0, 8, moments(8))
    mine.look()
    assert same(mine.moments(0, 8), moments(8))
    assert mine.moments(1, 7) is None
    assert same(mine.moments(0, 7), moments(7))


@pytest.mark.parametrize("lost_bytes", [1, 40, 79])
def test_a_record_that_was_cut_off_does_not_count(tmp_path: Path, lost_bytes: int) -> None:
    book = StatisticsLog(tmp_path / "book")
    for index in range(3):
        book.note(2, index, moments(index))
    (log,) = (tmp_path / "book").glob("moments-02-*.log")
    log.write_bytes(log.read_bytes()[:-lost_bytes])
    again = StatisticsLog(tmp_path / "book")
    assert same(again.moments(2, 1), moments(1))
    assert again.moments(2, 2) is None
