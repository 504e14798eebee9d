from dataclasses import replace

import pytest

from giornata.jobs.spec.enums import MetadataPolicy, SourceTypeTerm
from giornata.workers.formats.exif import NO_TAGS, read_tags
from giornata.workers.formats.iptc import RIGHTS, read_iim, words
from giornata.workers.formats.xmp import NAMESPACES, NO_PROPERTIES, name, read_packet
from giornata.workers.metadata.blocks import Blocks
from giornata.workers.metadata.metadata import Derivation, SourceMetadata, new_blocks
from tests.workers.blocks import agency_sets, camera_tags, packet

KEEP, MINIMAL = MetadataPolicy.KEEP, MetadataPolicy.MINIMAL
MAKING = Derivation(
    key="k" * 40,
    source_name="wave.tif",
    source_sha256="ab" * 32,
    source_type=SourceTypeTerm.COMPOSITE,
    tool="Giornata 1.0",
    parameters="great-wave, strength 0.8",
)
FULL = SourceMetadata(read_packet(packet()), camera_tags(), agency_sets())
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def made(source: SourceMetadata = FULL, making: Derivation = MAKING, policy: MetadataPolicy = KEEP) -> Blocks:
    return new_blocks(source, making, policy)


def text_of(blocks: Blocks, prefixed: str) -> str:
    assert blocks.xmp is not None
    return read_packet(blocks.xmp).text(prefixed)


def test_rights_and_artwork_are_kept_and_editors_notes_are_not() -> None:
    blocks = made()
    assert blocks.xmp is not None
    kept = read_packet(blocks.xmp)
    for prefixed in ("dc:rights", "dc:creator", "dc:title", "photoshop:Credit", "xmpRights:UsageTerms"):
        assert kept.texts(prefixed) == FULL.properties.texts(prefixed)
    artwork = kept.elements[name("Iptc4xmpExt:ArtworkOrObject")]
    inventory = artwork.find(f".//{name('Iptc4xmpExt:AOSourceInvNo')}")
    assert inventory is not None
    assert inventory.text == "1930.7"
    assert name("dc:format") not in kept.elements
    assert b"Crop" not in blocks.xmp


def test_the_packet_says_what_the_picture_was_made_from_and_how() -> None:
    blocks = made()
    assert blocks.xmp is not None
    found = read_packet(blocks.xmp)
    derived = {field.tag: field.text for field in found.elements[name("xmpMM:DerivedFrom")]}
    assert derived == {
        name("stRef:documentID"): "xmp.did:42",
        name("stRef:instanceID"): "xmp.iid:43",
        name("stRef:filePath"): "wave.tif",
    }
    event = {field.tag: field.text for field in found.elements[name("xmpMM:History")][0][0]}
    assert event[name("stEvt:action")] == "filtered"
    assert event[name("stEvt:parameters")] == "great-wave, strength 0.8"
    assert found.text("xmp:CreatorTool") == "Giornata 1.0"
    assert found.text("giornata:SourceSHA256") == "ab" * 32
    assert found.text("xmpMM:DocumentID") not in ("", "xmp.did:42")


def test_a_source_without_an_id_is_named_by_its_hash() -> None:
    blocks = made(SourceMetadata())
    assert f"sha256:{'ab' * 32}".encode() in (blocks.xmp or b"")
    assert (blocks.exif, blocks.iptc) == (None, None)


@pytest.mark.parametrize("term", [term for term in SourceTypeTerm if term is not SourceTypeTerm.NONE])
@pytest.mark.parametrize("policy", MetadataPolicy)
def test_the_source_type_is_said_in_the_words_of_the_iptc(
    term: SourceTypeTerm, policy: MetadataPolicy
) -> None:
    blocks = made(making=replace(MAKING, source_type=term), policy=policy)
    assert text_of(blocks, "Iptc4xmpExt:DigitalSourceType") == TERMS + term


def test_no_source_type_is_said_when_none_is_wanted() -> None:
    blocks = made(making=replace(MAKING, source_type=SourceTypeTerm.NONE))
    assert b"DigitalSourceType" not in (blocks.xmp or b"")


def test_minimal_keeps_rights_and_source_type_alone() -> None:
    blocks = made(policy=MINIMAL)
    assert blocks.xmp is not None
    assert blocks.exif is not None
    assert blocks.iptc is not None
    prefixes = {uri: prefix for prefix, uri in NAMESPACES.items()}
    found = {
        prefixes[full[1:].split("}")[0]] + ":" + full.split("}")[1]
        for full in read_packet(blocks.xmp).elements
    }
    assert found == {"dc:rights", "xmpRights:UsageTerms", "photoshop:Credit", "Iptc4xmpExt:DigitalSourceType"}
    tags = read_tags(blocks.exif)
    assert (set(tags.main), tags.exif, tags.gps) == ({33_432}, {}, {})
    assert words(read_iim(blocks.iptc), RIGHTS) == ("(c) agency",)


def test_exif_keeps_camera_date_rights_and_place_but_no_turn_and_no_thumbnail() -> None:
    tags = read_tags(made().exif or b"")
    assert set(tags.main) == {271, 272, 306, 315, 33_432, 34_665, 34_853}
    assert (set(tags.exif), set(tags.gps)) == ({36_867}, {1, 2})


def test_what_the_packet_lacks_comes_from_iptc_and_then_from_exif() -> None:
    bare = replace(FULL, properties=NO_PROPERTIES)
    assert text_of(made(bare), "dc:rights") == "(c) agency"
    assert text_of(made(replace(bare, sets=())), "dc:rights") == "(c) Ada"
    assert text_of(made(replace(bare, sets=())), "dc:creator") == "Ada"


def test_exif_gets_rights_and_artist_that_only_the_packet_has() -> None:
    tags = read_tags(made(replace(FULL, tags=NO_TAGS)).exif or b"").main
    assert tags[315].text == "Ada Ünal; B. Lee"
    assert tags[33_432].text == "© City Museum & heirs"


def test_the_same_task_gives_the_same_bytes_and_another_task_another_identity() -> None:
    assert made() == made()
    other = made(making=replace(MAKING, key="other"))
    assert text_of(other, "xmpMM:DocumentID") != text_of(made(), "xmpMM:DocumentID")
