"""The AIGC record: the implicit label of GB 45438-2025, annex E, as plain JSON.

Seven strings say that a file was generated, by whom, and under which number. ``ReservedCode1`` is
the producer's own, to protect the integrity of content and label; here it is a checksum of both.
"""

import json
import re
from dataclasses import dataclass, replace
from hashlib import sha256

from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_json

AIGC_KEY = "AIGC"
"""Name of the record in an MP4, as TC260-PG-20257A asks for it, and in XMP."""
COMMENT_KEY = "comment"
"""The tag that programs copy from one MP4 to another also where they drop ``AIGC``."""
COMMENT = "Synthetic media: the mouth in this video was drawn by AI. AIGC "
"""Precedes a copy of the record in the comment."""

GENERATED = "1"
"""``Label`` of content that is generated: its producer says so."""
POSSIBLE = "2"
"""The same of content that may be: whoever uploaded it to a platform says so."""
SUSPECTED = "3"
"""The same of content that is suspected to be: a platform found traces of generation."""
CHECKSUM = "sha256:"
UNKNOWN_CHECKSUM = CHECKSUM + "0" * 64
"""Stands in a file until its checksum is known. It is as long as any other."""

_LIMITS = TextLimits(max_bytes=64 << 10, max_depth=2)
_FIELDS = {
    "label": "Label",
    "producer": "ContentProducer",
    "produce_id": "ProduceID",
    "reserved_code_1": "ReservedCode1",
    "propagator": "ContentPropagator",
    "propagate_id": "PropagateID",
    "reserved_code_2": "ReservedCode2",
}


@dataclass(frozen=True, slots=True)
class AigcRecord:
    """What a file says of its origin."""

    producer: str
    """Name or code of who runs the program that made the file."""
    produce_id: str
    """The producer's number for the file: the job's id."""
    label: str = GENERATED
    reserved_code_1: str = UNKNOWN_CHECKSUM
    """'sha256:' and 64 hex digits, see ``with_checksum``."""
    propagator: str = ""
    """Who distributes the file. Platforms fill it in, as the two below."""
    propagate_id: str = ""
    reserved_code_2: str = ""

    def to_json(self) -> str:
        """Return the record as one line of ASCII JSON, in the standard's order."""
        return json.dumps(
            {key: getattr(self, name) for name, key in _FIELDS.items()}, separators=(",", ":")
        )

    def with_checksum(self, content: str) -> "AigcRecord":
        """Return the record with the checksum of itself and of ``content``, a digest."""
        return replace(self, reserved_code_1=self.checksum(content))

    def checksum(self, content: str) -> str:
        """Return what ``reserved_code_1`` is if neither record nor content was changed.

        The fields that platforms fill in do not count.
        """
        parts = json.dumps([self.label, self.producer, self.produce_id, content])
        return CHECKSUM + sha256(parts.encode()).hexdigest()

    def matches(self, content: str) -> bool | None:
        """Whether the checksum is that of this record and ``content``; None: there is none."""
        if not re.fullmatch(CHECKSUM + "[0-9a-f]{64}", self.reserved_code_1):
            return None
        return self.reserved_code_1 == self.checksum(content)


def parse_record(text: str) -> AigcRecord | None:
    """Return the record in ``text``, which anybody may have written; None if there is none."""
    try:
        value = parse_json(text.encode(errors="replace"), _LIMITS)
    except UnreadableText:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("Label"), str):
        return None
    return AigcRecord(**{name: str(value.get(key, "")) for name, key in _FIELDS.items()})


def record_in_comment(text: str) -> AigcRecord | None:
    """Return the record at the end of a comment that this program wrote; None for any other."""
    _, found, rest = text.partition(COMMENT)
    return parse_record(rest) if found else None


def video_tags(record: AigcRecord) -> dict[str, str]:
    """Return the tags of an MP4 or MOV that is marked with ``record``."""
    text = record.to_json()
    return {AIGC_KEY: text, COMMENT_KEY: COMMENT + text}
