from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.workers.formats.icc import profile_name, read_shaper
from tests.workers.pictures import built_in_profile
from tests.workers.profiles import (
    description,
    grey_profile,
    profile,
    table,
)


def test_lookup_tables_and_presses_are_not_read_here() -> None:
    assert read_shaper(built_in_profile("cmyk")) is None
    with_table = profile(b"RGB ", {b"A2B0": b"mft2" + bytes(60)})
    assert read_shaper(with_table) is None


def test_a_curve_that_falls_cannot_be_undone_and_is_refused() -> None:
    assert read_shaper(grey_profile(table(lambda code: 1 - code))) is None
    assert read_shaper(grey_profile(table(lambda code: 0.5))) is None


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 479), bits=st.integers(1, 255), cut=st.integers(0, 480))
def test_a_damaged_profile_is_read_or_refused_and_never_raises(at: int, bits: int, cut: int) -> None:
    data = bytearray(built_in_profile("srgb"))
    data[at] ^= bits
    read_shaper(bytes(data[:cut]))
    profile_name(bytes(data[:cut]))
    profile_name(bytes(data))


def test_a_profile_is_called_what_it_calls_itself() -> None:
    assert profile_name(built_in_profile("srgb")) == "sRGB"
    assert profile_name(profile(b"RGB ", {b"desc": description("eciRGB v2\x07")})) == "eciRGB v2"
    assert profile_name(b"") == "unnamed"
