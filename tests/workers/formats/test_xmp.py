import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.workers.formats import xmp
from giornata.workers.formats.xmp import MOST_BYTES, BadPacket, read_packet, write_packet
from tests.workers.blocks import packet

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<x:xmpmeta xmlns:x="adobe:ns:meta/">&c;</x:xmpmeta>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""


def test_properties_are_read_as_elements_as_attributes_and_from_several_descriptions() -> None:
    found = read_packet(packet())
    assert found.text("photoshop:Credit") == "City Museum"
    assert found.text("dc:rights") == "© City Museum & heirs"
    assert found.texts("dc:creator") == ("Ada Ünal", "B. Lee")
    assert found.text("dc:description") == ""


@pytest.mark.parametrize("hostile", [BOMB, OUTSIDE], ids=["entities in entities", "a file of ours"])
def test_entities_are_refused(hostile: bytes) -> None:
    with pytest.raises(BadPacket, match="declares entities or a document type"):
        read_packet(hostile)


@pytest.mark.parametrize(
    "broken", [b"", b"\0\1", b"<a>", b"<a></b>", packet()[:900], packet().replace(b"UTF", b"")[:50]]
)
def test_broken_xml_is_refused_with_a_reason(broken: bytes) -> None:
    with pytest.raises(BadPacket, match="broken XML"):
        read_packet(broken)


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    with pytest.raises(BadPacket, match=f"at most {MOST_BYTES}"):
        read_packet(b" " * (MOST_BYTES + 1))
    deep = 50_000
    with pytest.raises(BadPacket, match="nested deeper"):
        read_packet(b"<a>" * deep + b"</a>" * deep)


def test_a_packet_in_utf16_is_read_too() -> None:
    text = packet().decode().replace("\ufeff", "")
    assert read_packet(text.encode("utf-16")).text("dc:title") == "Waves"


@settings(max_examples=100, deadline=None)
@given(words=st.text(max_size=50))
def test_any_words_make_a_packet_that_can_be_read(words: str) -> None:
    found = read_packet(write_packet([xmp.array("dc:title", "Alt", [words]), xmp.simple("dc:source", words)]))
    assert found.text("dc:source") == xmp.clean(words).strip()
    assert found.text("dc:title") == xmp.clean(words).strip()


def test_the_same_words_make_the_same_bytes_in_any_order() -> None:
    made = [xmp.simple("dc:source", "a"), xmp.simple("xmp:CreatorTool", "b")]
    assert write_packet(made) == write_packet(made[::-1])
