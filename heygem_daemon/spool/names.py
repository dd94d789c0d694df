"""What file names mean, and names that every file system and client can carry. Pure.

A user's name is data: it may hold any byte but ``/`` and NUL. Python shows undecodable bytes as
surrogates (PEP 383), and so do these functions until ``printable`` or ``safe_name`` is asked.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

MediaKind = Literal["audio", "video"]

AUDIO_EXTENSIONS = frozenset({".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus"})
VIDEO_EXTENSIONS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
READY_SUFFIX = ".ready"
"""``talk.mp4.ready`` (this file) or ``talk.ready`` (its pair): the producer's word for complete."""

SIDECAR_SUFFIX = ".toml"
"""``talk.toml``: options for the pair ``talk``."""

MAX_STEM_BYTES = 200
"""Longest stem given by ``safe_name``: 255 less room for " (1234)", an extension and ".part"."""

_UNFINISHED_SUFFIXES = (".part", ".filepart", ".crdownload", ".tmp")
_RSYNC = re.compile(r"\..+\.[A-Za-z0-9]{6}")
_IGNORED_SUFFIXES = ("~", *_UNFINISHED_SUFFIXES)
_IGNORED_NAMES = frozenset(
    {
        "thumbs.db",
        "desktop.ini",
        "@eadir",
        "__macosx",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    }
)
_FORBIDDEN = re.compile(r'[:<>|?*"/\\\x00-\x1f\x7f-\x9f]')
_JOINER = "\u200d"  # part of many emoji
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)


def is_ignored(name: str) -> bool:
    """Whether the name is no input: hidden, an unfinished copy's, or a system's own litter."""
    folded = name.casefold()
    return (
        name.startswith((".", "~$"))
        or folded.endswith(_IGNORED_SUFFIXES)
        or folded in _IGNORED_NAMES
    )


def is_unfinished(name: str) -> bool:
    """Whether the name is that of a copy under way: ignored, but a sign that more is to come."""
    return name.casefold().endswith(_UNFINISHED_SUFFIXES) or bool(_RSYNC.fullmatch(name))


def split_extension(name: str) -> tuple[str, str]:
    """Stem and extension (with its dot, as written); a leading dot starts no extension."""
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if dot > 0 else (name, "")


def media_kind(name: str) -> MediaKind | None:
    """What the extension promises, in any case; None: neither audio nor video."""
    extension = split_extension(name)[1].lower()
    if extension in AUDIO_EXTENSIONS:
        return "audio"
    return "video" if extension in VIDEO_EXTENSIONS else None


def is_sidecar(name: str) -> bool:
    """Whether the extension promises options for a job."""
    return split_extension(name)[1].lower() == SIDECAR_SUFFIX


def fold(name: str) -> str:
    """One form for names that a person takes for equal (NFC, caseless)."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def pair_key(name: str) -> str:
    """Files whose names give the same key belong together: the folded stem."""
    return fold(split_extension(name)[0])


def printable(name: str) -> str:
    """The name as it can stand in a log or on a terminal: one line, valid UTF-8."""
    shown = _SURROGATE.sub(_show_surrogate, name)
    return "".join(c if c.isprintable() or c == _JOINER else _escaped(c) for c in shown)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts as people count: "take 2" before "take 10", whatever the letter case."""
    parts = re.split(r"([0-9]+)", fold(name))
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


def safe_name(stem: str) -> str:
    """A stem for our files and folders, for Linux, macOS and Windows alike; never empty.

    Forbidden and control characters become ``_``, an undecodable byte ``%FF`` (in hexadecimal);
    trailing dots and spaces go, leading dots too (they would hide the file); reserved DOS names
    get a ``_`` in front; at most STEM_BYTES bytes of UTF-8, cut between characters.
    """
    text = _SURROGATE.sub(lambda m: f"%{ord(m[0]) & 0xFF:02X}", unicodedata.normalize("NFC", stem))
    text = "".join("_" if _is_invisible(c) else c for c in _FORBIDDEN.sub("_", text))
    text = text.lstrip(". ")
    text = text.encode()[:MAX_STEM_BYTES].decode(errors="ignore").rstrip(". ")
    if _RESERVED.fullmatch(text.split(".")[0].rstrip()):
        text = "_" + text
    return text or "unnamed"


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, or "wanted (2)", "wanted (3)" ...: the first that no name in ``taken`` equals.

    Names that differ only in case or normal form count as equal: a share's clients think so.
    """
    used = {fold(name) for name in taken}
    candidate, number = wanted, 1
    while fold(candidate) in used:
        number += 1
        candidate = f"{wanted} ({number})"
    return candidate


def _is_invisible(char: str) -> bool:
    return char != _JOINER and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _show_surrogate(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code & 0xFF:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
