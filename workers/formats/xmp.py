"""XMP packets (ISO 16684-1): reads a source's, which may be hostile, and writes one new packet.

Only element properties and attributes of the top descriptions are looked at; entities and DTDs are refused.
"""

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

MOST_BYTES = 4 << 20  # what is parsed at all; real packets are kilobytes
MOST_DEPTH = 24  # XMP nests structures in arrays in structures, not more
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "cc": "http://creativecommons.org/ns#",
    "giornata": "urn:giornata:xmp:1.0/",
}
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
PACKET_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
PACKET_END = '\n<?xpacket end="r"?>'


class BadPacket(ValueError):
    """`BadPacket(reason)`: a packet that is not read, and why."""


def name(prefixed: str) -> str:
    """`dc:title` -> `{http://purl.org/dc/elements/1.1/}title`."""
    prefix, local = prefixed.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


@dataclass(frozen=True)
class Properties:
    """The top properties of a packet by their full names."""

    elements: Mapping[str, ET.Element]

    def text(self, prefixed: str) -> str:
        """A property's text, or the first item of its array or language alternatives."""
        return next(iter(self.texts(prefixed)), "")

    def texts(self, prefixed: str) -> tuple[str, ...]:
        """All items of an array, or the one text."""
        element = self.elements.get(name(prefixed))
        if element is None:
            return ()
        items = [item.text or "" for item in element.iter(name("rdf:li"))] or [element.text or ""]
        return tuple(text for item in items if (text := item.strip()))


NO_PROPERTIES = Properties({})


def read_packet(packet: bytes) -> Properties:
    """The properties of a packet. Raises `BadPacket` for what is too long, too deep, hostile or broken."""
    if len(packet) > MOST_BYTES:
        raise BadPacket(f"{len(packet)} bytes, at most {MOST_BYTES} are read")
    try:
        root = fromstring(packet, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadPacket("it declares entities or a document type") from error
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BadPacket(f"broken XML ({error})") from error
    _refuse_deep(root)
    elements: dict[str, ET.Element] = {}
    for description in root.iter(name("rdf:Description")):
        if _is_top(root, description):
            elements |= _properties(description)
    return Properties(elements)


def _refuse_deep(root: ET.Element) -> None:
    level = [root]
    for _ in range(MOST_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise BadPacket(f"nested deeper than {MOST_DEPTH}")


def _is_top(root: ET.Element, description: ET.Element) -> bool:
    return any(description in list(rdf) for rdf in root.iter(name("rdf:RDF")))


def _properties(description: ET.Element) -> dict[str, ET.Element]:
    """Elements, and attributes as elements: XMP allows simple properties either way."""
    elements = {}
    for full, value in description.attrib.items():
        if full.startswith("{") and not full.startswith(f"{{{NAMESPACES['rdf']}}}"):
            elements[full] = ET.Element(full)
            elements[full].text = value
    return elements | {child.tag: child for child in description if isinstance(child.tag, str)}


def clean(text: str) -> str:
    """Text that XML can hold: no control characters, no lone surrogates."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n" or unicodedata.category(letter) not in ("Cc", "Cs", "Cn", "Co")
    )


def simple(prefixed: str, text: str) -> ET.Element:
    """A property that is one text."""
    element = ET.Element(name(prefixed))
    element.text = clean(text)
    return element


def structure(prefixed: str, fields: Mapping[str, str]) -> ET.Element:
    """A property with named fields."""
    element = ET.Element(name(prefixed), {name("rdf:parseType"): "Resource"})
    element.extend(simple(field, text) for field, text in fields.items())
    return element


def array(prefixed: str, kind: str, items: Iterable[str | Mapping[str, str]]) -> ET.Element:
    """A property that is an rdf:`kind` (Seq, Bag, or Alt in the default language) of texts or structures."""
    element = ET.Element(name(prefixed))
    holder = ET.SubElement(element, name(f"rdf:{kind}"))
    for item in items:
        if isinstance(item, str):
            holder.append(simple("rdf:li", item))
            if kind == "Alt":
                holder[-1].set(XML_LANG, "x-default")
        else:
            holder.append(structure("rdf:li", item))
    return element


def write_packet(properties: Iterable[ET.Element]) -> bytes:
    """One packet, UTF-8, with `properties` in the order of their names: the same bytes for the same texts."""
    for prefix, uri in NAMESPACES.items():
        ET.register_namespace(prefix, uri)
    root = ET.Element(name("x:xmpmeta"))
    description = ET.SubElement(
        ET.SubElement(root, name("rdf:RDF")), name("rdf:Description"), {name("rdf:about"): ""}
    )
    description.extend(sorted(properties, key=lambda element: element.tag))
    ET.indent(root, " ")
    return (PACKET_START + ET.tostring(root, "unicode") + PACKET_END).encode("utf-8", "replace")
