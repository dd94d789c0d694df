"""Name what a file is that cannot be read as sound or picture, by a few of its bytes.

The signatures are those of the formats' own specifications, as file(1) lists them.
"""

from dataclasses import dataclass
from io import FileIO

from heygem_daemon.media.boxes import read_boxes

HEAD_BYTES = 512

_VIDEO = "Convert it to mp4, or to wav where it is sound alone."
_SOUND = "Convert it to wav, flac or m4a."
_PHOTOGRAPH = "Export it as jpg or png."
_COPY = "Use a copy without protection."
_RIGHT_FILE = "Export or download the sound or video itself, such as wav or mp4, and drop that."


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """A format that is not read."""

    name: str
    """With its article, as the end of "it is …"."""
    remedy: str
    """What to do, as a sentence."""


_STARTS: tuple[tuple[bytes, KnownFormat], ...] = (
    (b".RMF", KnownFormat("RealMedia", _VIDEO)),
    (b".ra\xfd", KnownFormat("RealAudio", _SOUND)),
    (b"FWS", KnownFormat("a Flash animation", _VIDEO)),
    (b"CWS", KnownFormat("a Flash animation", _VIDEO)),
    (b"ZWS", KnownFormat("a Flash animation", _VIDEO)),
    (b"MAC ", KnownFormat("Monkey's Audio", _SOUND)),
    (b"wvpk", KnownFormat("WavPack sound", _SOUND)),
    (b"TTA1", KnownFormat("True Audio sound", _SOUND)),
    (b"MPCK", KnownFormat("Musepack sound", _SOUND)),
    (b"MP+", KnownFormat("Musepack sound", _SOUND)),
    (b"DSD ", KnownFormat("DSD sound", _SOUND)),
    (b"FRM8", KnownFormat("DSD sound", _SOUND)),
    (b"MThd", KnownFormat("MIDI, a list of notes without sound", "Record it as wav.")),
    (b"#EXTM3U", KnownFormat("a playlist", _RIGHT_FILE)),
    (b"[playlist]", KnownFormat("a playlist", _RIGHT_FILE)),
    (b"<?xml", KnownFormat("a text in XML", _RIGHT_FILE)),
    (b"RED1", KnownFormat("raw video of a RED camera", _VIDEO)),
    (b"RED2", KnownFormat("raw video of a RED camera", _VIDEO)),
    (b"8BPS", KnownFormat("a Photoshop drawing", _PHOTOGRAPH)),
    (b"\xff\x0a", KnownFormat("a JPEG XL image", _PHOTOGRAPH)),
    (b"\0\0\0\x0cJXL ", KnownFormat("a JPEG XL image", _PHOTOGRAPH)),
    (b"\0\0\0\x0cjP  ", KnownFormat("a JPEG 2000 image", _PHOTOGRAPH)),
    (b"%PDF", KnownFormat("a PDF document", _RIGHT_FILE)),
    (b"PK\3\4", KnownFormat("a ZIP archive or an office document", _RIGHT_FILE)),
    (b"Rar!", KnownFormat("a RAR archive", _RIGHT_FILE)),
    (b"7z\xbc\xaf\x27\x1c", KnownFormat("a 7-Zip archive", _RIGHT_FILE)),
    (b"\x1f\x8b", KnownFormat("a gzip archive", _RIGHT_FILE)),
    (b"{\\rtf", KnownFormat("a text document", _RIGHT_FILE)),
    (b"\xd0\xcf\x11\xe0", KnownFormat("an office document", _RIGHT_FILE)),
    (b"MZ", KnownFormat("a Windows program", _RIGHT_FILE)),
)
_BRANDS: dict[bytes, KnownFormat] = {
    b"M4P ": KnownFormat("music with copy protection (DRM)", _COPY),
    b"aax ": KnownFormat("an Audible book with copy protection (DRM)", _COPY),
    b"aaxc": KnownFormat("an Audible book with copy protection (DRM)", _COPY),
    b"crx ": KnownFormat("a raw photograph or video of a Canon camera", _PHOTOGRAPH),
    b"braw": KnownFormat("raw video of a Blackmagic camera", _VIDEO),
}
"""Formats that are ISO base media files (ISO/IEC 14496-12), by their major brand."""
_WEB_PAGE = KnownFormat(
    "a web page (HTML): the download did not bring the file itself",
    "Open the link in a browser, download the sound or video itself, and put that in the inbox.",
)
PROTECTED = KnownFormat("protected against copying (DRM)", _COPY)
PROTECTED_TAGS = (b"drms", b"drmi", b"encv", b"enca", b"aavd")
"""Sample entries of encrypted streams (ISO/IEC 14496-12, 8.12; Apple's and Audible's own)."""
MOST_INDEX_BYTES = 32 << 20
"""A larger index is not searched: it is that of hours, and no shop sells such a file."""


def name_format(head: bytes) -> KnownFormat | None:
    """Return what a file that begins with ``head`` is, if it is known and not read."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return _WEB_PAGE
    return next((known for start, known in _STARTS if head.startswith(start)), None)


def is_protected(file: FileIO) -> bool:
    """Whether an ISO base media file says that its samples are encrypted. FFmpeg opens such a file,
    and decodes noise. Raises OSError."""
    index = _read_index(file)
    # A sample entry begins with its size, its type and six zero bytes.
    return any(tag + bytes(6) in index for tag in PROTECTED_TAGS)


def _read_index(file: FileIO) -> bytes:
    """Return the content of the box ``moov``; nothing if there is none, or a huge one."""
    index = next((box for box in read_boxes(file) if box.kind == b"moov"), None)
    if index is None or index.stop - index.start > MOST_INDEX_BYTES:
        return b""
    file.seek(index.start)
    return file.read(index.stop - index.start)
