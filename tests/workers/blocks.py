"""Metadata as sources carry it: a packet with artwork fields, an EXIF block from a camera, IPTC data sets."""

import struct

from giornata.workers.formats.exif import LONG, SHORT, Directory, ExifEntry, ExifTags, exif_block, text_entry
from giornata.workers.formats.iptc import CHARSET, UTF8, DataSet, iim_block
from giornata.workers.formats.xmp import NAMESPACES

RATIONAL = 5
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">
<rdf:Description rdf:about="" xmlns:photoshop="{photoshop}" xmlns:xmpMM="{xmpMM}"
 photoshop:Credit="City Museum" xmpMM:DocumentID="xmp.did:42" xmpMM:InstanceID="xmp.iid:43"/>
<rdf:Description rdf:about="" xmlns:dc="{dc}" xmlns:ext="{Iptc4xmpExt}" xmlns:rights="{xmpRights}"
 xmlns:old="http://example.org/editor/">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© City Museum &amp; heirs</rdf:li></rdf:Alt></dc:rights>
<dc:creator><rdf:Seq><rdf:li>Ada Ünal</rdf:li><rdf:li>B. Lee</rdf:li></rdf:Seq></dc:creator>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Waves</rdf:li></rdf:Alt></dc:title>
<dc:format>image/tiff</dc:format>
<rights:UsageTerms><rdf:Alt><rdf:li xml:lang="x-default">CC BY 4.0</rdf:li></rdf:Alt></rights:UsageTerms>
<ext:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</ext:DigitalSourceType>
<ext:ArtworkOrObject><rdf:Bag><rdf:li rdf:parseType="Resource">
<ext:AOTitle><rdf:Alt><rdf:li xml:lang="x-default">The Great Wave</rdf:li></rdf:Alt></ext:AOTitle>
<ext:AOCreator><rdf:Seq><rdf:li>Hokusai</rdf:li></rdf:Seq></ext:AOCreator>
<ext:AOSourceInvNo>1930.7</ext:AOSourceInvNo></rdf:li></rdf:Bag></ext:ArtworkOrObject>
<old:Crop>0.5</old:Crop></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def packet() -> bytes:
    """An XMP packet as a museum's program writes it."""
    return PACKET.format(**NAMESPACES).encode()


def camera_tags() -> ExifTags:
    """What a camera notes, of a picture it held sideways: with a place, a thumbnail's offset and sizes."""
    main: Directory = {
        271: text_entry(271, "Phase"),
        272: text_entry(272, "One"),
        274: ExifEntry(274, SHORT, 1, struct.pack("<H", 6)),
        306: text_entry(306, "2020:01:02 03:04:05"),
        315: text_entry(315, "Ada"),
        513: ExifEntry(513, LONG, 1, struct.pack("<I", 1 << 20)),
        33_432: text_entry(33_432, "(c) Ada"),
    }
    exif = {
        36_867: text_entry(36_867, "2019:01:02 03:04:05"),
        40_962: ExifEntry(40_962, LONG, 1, struct.pack("<I", 9)),
    }
    north = ExifEntry(2, RATIONAL, 3, struct.pack("<6I", 52, 1, 30, 1, 1, 2))
    return ExifTags(main, exif, {1: text_entry(1, "N"), 2: north})


def camera_exif() -> bytes:
    """Those as a block."""
    return exif_block(camera_tags())


def agency_sets() -> tuple[DataSet, ...]:
    """What a picture agency notes."""
    return (
        DataSet(CHARSET, UTF8),
        DataSet((2, 0), b"\0\4"),
        DataSet((2, 5), b"Waves"),
        DataSet((2, 80), "Ada Ünal".encode()),
        DataSet((2, 116), b"(c) agency"),
        DataSet((2, 230), b"a program's own note"),
    )


def agency_iptc() -> bytes:
    """Those as a block."""
    return iim_block(agency_sets())
