"""IPTC's older block, IIM 4.2: the data sets of a source that an output keeps, and their words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MARK = 0x1C
CHARSET = (1, 90)
UTF8 = b"\x1b%G"
EXTENDED = 0x8000  # a length of more than two bytes: no text of ours is that long
MOST_SETS = 1000
TITLE, CREATOR, CAPTION, RIGHTS = (2, 5), (2, 80), (2, 120), (2, 116)
# Who, what, where and when; not what programs note for themselves.
DESCRIPTIVE = frozenset(
    (2, number)
    for number in (5, 25, 40, 55, 60, 80, 85, 90, 92, 95, 100, 101, 103, 105, 110, 115, 116, 120, 122)
)


@dataclass(frozen=True)
class DataSet:
    """One data set: `number` is record and number, `data` its bytes."""

    number: tuple[int, int]
    data: bytes


def read_iim(block: bytes) -> tuple[DataSet, ...]:
    """The data sets of a bare block, up to the first that is broken."""
    return tuple(_sets(block))


def _sets(block: bytes) -> Iterator[DataSet]:
    at = 0
    for _ in range(MOST_SETS):
        head = block[at : at + 5]
        if len(head) < 5 or head[0] != MARK:
            return
        length = int.from_bytes(head[3:5], "big")
        data = block[at + 5 : at + 5 + length]
        if length >= EXTENDED or len(data) < length:
            return
        yield DataSet((head[1], head[2]), data)
        at += 5 + length


def words(sets: Iterable[DataSet], number: tuple[int, int]) -> tuple[str, ...]:
    """All values of one data set, in the block's own character set: UTF-8 when it says so, else Latin-1."""
    sets = tuple(sets)
    utf8 = any(data_set.number == CHARSET and data_set.data == UTF8 for data_set in sets)
    values = (data_set.data for data_set in sets if data_set.number == number)
    return tuple(data.decode("utf-8" if utf8 else "latin-1", "replace").strip("\0 ") for data in values)


def iim_block(sets: Iterable[DataSet]) -> bytes:
    """The bare block that holds `sets`, in rising order as the standard wants; empty without any."""
    ordered = sorted(sets, key=lambda data_set: data_set.number)
    return b"".join(
        bytes((MARK, *data_set.number)) + len(data_set.data).to_bytes(2, "big") + data_set.data
        for data_set in ordered
    )


def kept_sets(sets: Iterable[DataSet], *, rights_only: bool) -> tuple[DataSet, ...]:
    """Data sets that an output keeps: the descriptive or the rights alone, with their character set."""
    sets = tuple(sets)
    numbers = frozenset({RIGHTS}) if rights_only else DESCRIPTIVE
    chosen = [data_set for data_set in sets if data_set.number in numbers]
    charset = [data_set for data_set in sets if data_set.number == CHARSET][:1]
    return (*charset, *chosen) if chosen else ()
