"""The XMP packet of a marked file: IPTC's digital source type, and the AIGC record.

Sources: XMP part 1 (ISO 16684-1) and part 3; IPTC Photo Metadata Standard; TC260's guides, which
give the namespace of the record.
"""

import html
import re

from heygem_daemon import __version__
from heygem_daemon.media.marking.record import AigcRecord, parse_record

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for a recording of which a part was made by a trained model."""

MAX_PACKET_BYTES = 1 << 20
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/">
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
   <TC260:AIGC>{record}</TC260:AIGC>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def build_packet(record: AigcRecord) -> bytes:
    """Return the packet of a file that is marked with ``record``, UTF-8."""
    text = _PACKET.format(
        tool=html.escape(f"heygem-daemon {__version__}"),
        source_type=SOURCE_TYPE,
        record=html.escape(record.to_json()),
    )
    return text.encode()


def read_source_type(packet: bytes) -> str | None:
    """Return the digital source type in a packet, which anybody may have written."""
    return _property(packet, "DigitalSourceType")


def read_record(packet: bytes) -> AigcRecord | None:
    """Return the AIGC record in a packet, which anybody may have written."""
    text = _property(packet, "AIGC")
    return None if text is None else parse_record(text)


def _property(packet: bytes, name: str) -> str | None:
    """Return the text of a simple property, written as an element or as an attribute.

    Found by its name alone: an XML parser would follow whatever a stranger's packet says.
    """
    text = packet[:MAX_PACKET_BYTES].decode("utf-8", "replace")
    element = re.search(rf"<[\w-]+:{name}>([^<]*)</", text)
    attribute = re.search(rf"\s[\w-]+:{name}=(?:\"([^\"]*)\"|'([^']*)')", text)
    found = element or attribute
    if found is None:
        return None
    return html.unescape(next(group for group in found.groups() if group is not None)).strip()
