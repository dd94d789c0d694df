"""Reads the gettext catalogues in ``heygem_daemon/locale``.

``python -m tools.translations`` extracts the texts of the program and compiles the catalogues.
"""

import struct
from pathlib import Path

DOMAIN = "heygem_daemon"
LOCALE = Path(__file__).resolve().parent.parent / "locale"
"""The catalogues, which are part of the program."""

_MAGIC = 0x950412DE
_HEADER = struct.Struct("<5I")
"""Magic number, revision, count, and where the tables of originals and of translations begin (GNU
gettext manual, "The Format of GNU MO Files")."""

_ENTRY = struct.Struct("<2I")
"""Length and place of one text."""


def read_catalogue(language: str) -> dict[str, str]:
    """Return the translation of each English text. Raises OSError if there is no catalogue, and
    ValueError if it is damaged."""
    data = (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").read_bytes()
    try:
        magic, _revision, count, originals, translations = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError(f"the catalogue of {language} is no catalogue")
        texts = [
            (
                _text(data, originals + _ENTRY.size * each),
                _text(data, translations + _ENTRY.size * each),
            )
            for each in range(count)
        ]
    except struct.error as error:
        raise ValueError(f"the catalogue of {language} is damaged: {error}") from None
    return {original: translation for original, translation in texts if original}


def _text(data: bytes, place: int) -> str:
    length, begin = _ENTRY.unpack_from(data, place)
    return data[begin : begin + length].decode()
