"""What an output says of itself: rights and artwork from the source's blocks, and how it came to be.

Blocks are read once and written anew, never copied: writers lose or cut what they do not understand. The
packet holds no time of day, so that the same task gives the same bytes; times are in the provenance.
"""

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from giornata.jobs.spec.enums import MetadataPolicy, SourceTypeTerm
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.formats import iptc as iim
from giornata.workers.formats import xmp
from giornata.workers.formats.exif import (
    NO_TAGS,
    Directory,
    ExifTags,
    exif_block,
    kept,
    read_tags,
    text_entry,
)
from giornata.workers.formats.iptc import DataSet, iim_block, kept_sets, read_iim
from giornata.workers.formats.xmp import NO_PROPERTIES, BadPacket, Properties, read_packet, write_packet
from giornata.workers.metadata.blocks import Blocks

DIGITAL_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ARTIST, COPYRIGHT, DESCRIPTION = 315, 33_432, 270
MAIN_TAGS = (DESCRIPTION, 271, 272, 306, ARTIST, COPYRIGHT)  # make, model, date and time
# When it was taken and digitised, in which zone, with which lens; nothing of sizes or thumbnails.
EXIF_TAGS = (36_867, 36_868, 36_880, 36_881, 36_882, 37_520, 37_521, 37_522, 42_035, 42_036)
WHOLE_SPACES = ("xmpRights", "Iptc4xmpCore", "Iptc4xmpExt", "plus", "cc")
KEPT = (
    *("dc:title", "dc:creator", "dc:description", "dc:rights", "dc:subject", "dc:date", "dc:source"),
    *("dc:publisher", "dc:contributor", "dc:identifier", "dc:coverage", "dc:relation", "dc:language"),
    *("photoshop:Credit", "photoshop:Source", "photoshop:Headline", "photoshop:DateCreated"),
    *("photoshop:City", "photoshop:State", "photoshop:Country", "photoshop:AuthorsPosition"),
    *("photoshop:CaptionWriter", "photoshop:Instructions", "photoshop:TransmissionReference"),
    "xmp:CreateDate",
)
RIGHTS_SPACES = ("xmpRights", "cc")
RIGHTS = ("dc:rights", "plus:CopyrightOwner", "plus:Licensor", "photoshop:Credit")
REPLACED = ("Iptc4xmpExt:DigitalSourceType",)


@dataclass(frozen=True)
class SourceMetadata:
    """The source's metadata, as far as its blocks could be read."""

    properties: Properties = NO_PROPERTIES
    tags: ExifTags = NO_TAGS
    sets: tuple[DataSet, ...] = ()
    warnings: tuple[str, ...] = ()

    def _words(self, prefixed: str, number: tuple[int, int], tag: int | None) -> tuple[str, ...]:
        """Texts from XMP, else IPTC, else EXIF: the order of the Metadata Working Group's guidelines."""
        exif = (self.tags.main[tag].text,) if tag in self.tags.main else ()
        return self.properties.texts(prefixed) or iim.words(self.sets, number) or tuple(filter(None, exif))

    @property
    def creators(self) -> tuple[str, ...]:
        return self._words("dc:creator", iim.CREATOR, ARTIST)

    @property
    def title(self) -> str:
        return " ".join(self._words("dc:title", iim.TITLE, None)[:1])

    @property
    def description(self) -> str:
        return " ".join(self._words("dc:description", iim.CAPTION, DESCRIPTION)[:1])

    @property
    def rights(self) -> str:
        return " ".join(self._words("dc:rights", iim.RIGHTS, COPYRIGHT)[:1])


@dataclass(frozen=True)
class Derivation:
    """The origin of an output, in the texts that go into its packet.

    `key` tells one output from another and stays the same when it is made again.
    """

    key: str
    source_name: str
    source_sha256: str
    source_type: SourceTypeTerm
    tool: str  # "Giornata 1.2.3"
    parameters: str  # "great-wave, strength 0.8"


def read_metadata(working: DecodedImage) -> SourceMetadata:
    """The metadata that decoding left beside the pixels; a packet that cannot be read becomes a warning."""
    metadata = SourceMetadata(
        tags=read_tags(_block(working.exif_path)), sets=read_iim(_block(working.iptc_path))
    )
    packet = _block(working.xmp_path)
    if not packet:
        return metadata
    try:
        return replace(metadata, properties=read_packet(packet))
    except BadPacket as error:
        return replace(metadata, warnings=(f"the source's XMP was left out: {error}",))


def _block(path: Path | None) -> bytes:
    return b"" if path is None else path.read_bytes()


def new_blocks(source: SourceMetadata, making: Derivation, policy: MetadataPolicy) -> Blocks:
    """The blocks of an output; `minimal` keeps rights and source type alone."""
    minimal = policy is MetadataPolicy.MINIMAL
    additions = [*_made(making, minimal=minimal), *([] if minimal else [derived_from(source, making)])]
    elements = {element.tag: element for element in additions}
    packet = write_packet((_kept(source, minimal=minimal) | elements).values())
    tags = _rights_tags(source) if minimal else _tags(source)
    return Blocks(
        xmp=packet,
        exif=exif_block(tags) or None,
        iptc=iim_block(kept_sets(source.sets, rights_only=minimal)) or None,
    )


def _kept(source: SourceMetadata, *, minimal: bool) -> dict[str, Element]:
    spaces, single = (RIGHTS_SPACES, RIGHTS) if minimal else (WHOLE_SPACES, KEPT)
    starts = tuple(f"{{{xmp.NAMESPACES[prefix]}}}" for prefix in spaces)
    names = {xmp.name(prefixed) for prefixed in single}
    replaced = {xmp.name(prefixed) for prefixed in REPLACED}
    elements = source.properties.elements
    kept_elements = {
        full: element
        for full, element in elements.items()
        if (full.startswith(starts) or full in names) and full not in replaced
    }
    return _filled(source, minimal=minimal) | kept_elements


def _filled(source: SourceMetadata, *, minimal: bool) -> dict[str, Element]:
    """The four properties that every reader shows, from EXIF and IPTC where the packet has none."""
    elements = []
    if source.rights:
        elements.append(xmp.array("dc:rights", "Alt", [source.rights]))
    if not minimal and source.creators:
        elements.append(xmp.array("dc:creator", "Seq", source.creators))
    if not minimal and source.title:
        elements.append(xmp.array("dc:title", "Alt", [source.title]))
    if not minimal and source.description:
        elements.append(xmp.array("dc:description", "Alt", [source.description]))
    return {element.tag: element for element in elements}


def _made(making: Derivation, *, minimal: bool) -> list[Element]:
    elements = []
    if making.source_type is not SourceTypeTerm.NONE:
        term = DIGITAL_SOURCE_TYPES + making.source_type
        elements.append(xmp.simple("Iptc4xmpExt:DigitalSourceType", term))
    if minimal:
        return elements
    identity = f"uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'giornata:{making.key}:{making.source_sha256}')}"
    event = {
        "stEvt:action": "filtered",
        "stEvt:instanceID": identity,
        "stEvt:softwareAgent": making.tool,
        "stEvt:parameters": making.parameters,
    }
    return [
        *elements,
        xmp.simple("xmp:CreatorTool", making.tool),
        xmp.simple("xmpMM:DocumentID", identity),
        xmp.simple("xmpMM:InstanceID", identity),
        xmp.array("xmpMM:History", "Seq", [event]),
        xmp.simple("giornata:SourceSHA256", making.source_sha256),
    ]


def derived_from(source: SourceMetadata, making: Derivation) -> Element:
    """xmpMM:DerivedFrom: the source by its own document id, and by one made of its hash without any."""
    document = source.properties.text("xmpMM:DocumentID") or f"sha256:{making.source_sha256}"
    fields = {"stRef:documentID": document, "stRef:filePath": making.source_name}
    instance = source.properties.text("xmpMM:InstanceID")
    return xmp.structure("xmpMM:DerivedFrom", fields | ({"stRef:instanceID": instance} if instance else {}))


def _tags(source: SourceMetadata) -> ExifTags:
    main = kept(source.tags.main, MAIN_TAGS) | _rights_tags(source).main
    if source.creators and ARTIST not in main:
        main[ARTIST] = text_entry(ARTIST, "; ".join(source.creators))
    return ExifTags(main, kept(source.tags.exif, EXIF_TAGS), dict(source.tags.gps))


def _rights_tags(source: SourceMetadata) -> ExifTags:
    tags: Directory = kept(source.tags.main, (COPYRIGHT,))
    if source.rights and COPYRIGHT not in tags:
        tags[COPYRIGHT] = text_entry(COPYRIGHT, source.rights)
    return ExifTags(tags, {}, {})
