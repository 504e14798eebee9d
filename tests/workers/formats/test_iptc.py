from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.workers.formats.iptc import (
    CHARSET,
    CREATOR,
    RIGHTS,
    DataSet,
    iim_block,
    kept_sets,
    read_iim,
    words,
)
from tests.workers.blocks import agency_iptc, agency_sets


def test_what_is_written_is_read_in_rising_order() -> None:
    assert read_iim(agency_iptc()) == agency_sets()


def test_words_are_in_the_character_set_that_the_block_names() -> None:
    assert words(agency_sets(), CREATOR) == ("Ada Ünal",)
    assert words((DataSet(CREATOR, b"Ada \xdcnal"),), CREATOR) == ("Ada Ünal",)


def test_programs_own_notes_stay_behind_and_rights_can_go_alone() -> None:
    assert {one.number for one in kept_sets(agency_sets(), rights_only=False)} == {
        CHARSET,
        (2, 5),
        CREATOR,
        RIGHTS,
    }
    assert {one.number for one in kept_sets(agency_sets(), rights_only=True)} == {CHARSET, RIGHTS}
    assert kept_sets((DataSet(CHARSET, b""),), rights_only=False) == ()


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, len(agency_iptc()) - 1), to=st.integers(0, 255))
def test_a_damaged_block_never_raises(at: int, to: int) -> None:
    block = bytearray(agency_iptc())
    block[at] = to
    assert len(iim_block(read_iim(bytes(block)))) <= len(block)
