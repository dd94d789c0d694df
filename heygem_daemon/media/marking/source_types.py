"""Which digital source types say that something is synthetic.

Sources: IPTC's controlled vocabulary (cv.iptc.org/newscodes/digitalsourcetype), and the one type
that the C2PA specification adds to it.
"""

import re

SYNTHETIC = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "algorithmicMedia",
        "compositeSynthetic",
        "virtualRecording",
        "trainedAlgorithmicData",
    }
)
"""Made by an algorithm, whole or in part. All others are recordings (``digitalCapture``), what
people drew or edited, what was only enhanced, and data that people made visible."""

_TERM = re.compile(
    r"(?:https?://(?:cv\.iptc\.org/newscodes|c2pa\.org)/digitalsourcetype/|digsrctype:)(\w+)/?",
    re.IGNORECASE,
)
_FOLDED = frozenset(each.lower() for each in SYNTHETIC)


def says_synthetic(source_type: str) -> bool:
    """Return whether a digital source type, a URI or IPTC's short form of it, says that a file is
    synthetic, whole or in part."""
    found = _TERM.fullmatch(source_type.strip())
    return found is not None and found[1].lower() in _FOLDED
