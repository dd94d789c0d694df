"""File names: what they mean, and how to make names that every file system accepts. Pure.

A user's name is data: it may hold any byte but ``/`` and NUL. Python represents undecodable bytes
as surrogates (PEP 383), and these functions keep them. Only ``printable`` and ``safe_name`` return
text without surrogates.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count

READY_SUFFIX = ".ready"
"""Suffix of a ready marker: ``talk.mp4.ready`` for one file, ``talk.ready`` for a pair. The
producer creates the marker when the file is complete."""

SIDECAR_SUFFIX = ".toml"
_HIDDEN_SUFFIX = f"{SIDECAR_SUFFIX}.txt"
"""How the name of a sidecar ends that a Windows editor saved: it adds the end, and hides it."""
"""Suffix of a sidecar: ``talk.toml`` holds options for the pair ``talk``."""

MAX_STEM_BYTES = 200
"""Longest stem that ``safe_name`` returns, in bytes: 255, which file systems allow, less room for
" (1234)", an extension and ".part"."""

_UNFINISHED_SUFFIXES = (
    *(".part", ".filepart", ".partial", ".crdownload", ".download", ".opdownload"),
    *(".tmp", ".temp", ".aria2", ".!ut", ".!qb"),
)
"""Copies and downloads in progress. aria2 writes the final name and a file of this suffix."""
_RSYNC = re.compile(r"\..+\.[A-Za-z0-9]{6}")
_IGNORED_SUFFIXES = ("~", *_UNFINISHED_SUFFIXES)
_IGNORED_NAMES = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "icon\r",
        "@recycle",
        "network trash folder",
        "temporary items",
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
_NUMBERED = re.compile(r"(?P<base>.+) \((?P<number>[2-9]|[1-9][0-9])\)", re.DOTALL)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)


def is_ignored(name: str) -> bool:
    """Return whether the name is not an input: a hidden file, an unfinished copy, or a file that
    an operating system or a NAS creates for itself."""
    folded = name.casefold()
    return (
        name.startswith((".", "~$"))
        or folded.endswith(_IGNORED_SUFFIXES)
        or folded in _IGNORED_NAMES
    )


def is_unfinished(name: str) -> bool:
    """Return whether the name is that of a copy in progress. The file is ignored, but shows that
    more files are about to arrive."""
    return name.casefold().endswith(_UNFINISHED_SUFFIXES) or bool(_RSYNC.fullmatch(name))


def split_extension(name: str) -> tuple[str, str]:
    """Return stem and extension (with its dot, as written); a leading dot starts no extension. What
    Windows makes of ``talk.toml``, ``talk.toml.txt``, has the extension ``.toml.txt``."""
    dot = name.rfind(".")
    if name[-len(_HIDDEN_SUFFIX) :].lower() == _HIDDEN_SUFFIX:
        dot = len(name) - len(_HIDDEN_SUFFIX)
    return (name[:dot], name[dot:]) if dot > 0 else (name, "")


def is_sidecar(name: str) -> bool:
    """Return whether the extension is that of a sidecar, a file with options for a job."""
    return split_extension(name)[1].lower() in (SIDECAR_SUFFIX, _HIDDEN_SUFFIX)


def fold(name: str) -> str:
    """Return the same text for all names that a person takes for equal (NFC, caseless)."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def pair_key(name: str) -> str:
    """Return the folded stem. Files whose names have the same key belong together."""
    return fold(split_extension(name)[0])


def printable(name: str) -> str:
    """Return the name in a form for logs and terminals: one line, valid UTF-8."""
    if name.isprintable():
        return name
    shown = _SURROGATE.sub(_show_surrogate, name)
    return "".join(c if c.isprintable() or c == _JOINER else _escaped(c) for c in shown)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a sort key for natural order: "take 2" before "take 10", in any letter case."""
    parts = re.split(r"([0-9]+)", fold(name))
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


def safe_name(stem: str) -> str:
    """Return ``stem`` as a name that Linux, macOS and Windows accept; never empty.

    Forbidden and control characters become ``_``, an undecodable byte becomes ``%FF`` (its value
    in hexadecimal). Trailing dots and spaces are removed, and leading dots too, since they would
    hide the file. Reserved DOS names get a ``_`` in front. The result has at most MAX_STEM_BYTES
    bytes of UTF-8, cut between characters; the ``_`` in front of a reserved name comes on top.
    """
    # Normalised last: an accent may follow an undecodable byte, and joins its last letter.
    text = _SURROGATE.sub(lambda m: f"%{ord(m[0]) & 0xFF:02X}", stem)
    text = unicodedata.normalize("NFC", text)
    text = "".join("_" if _is_invisible(c) else c for c in _FORBIDDEN.sub("_", text))
    text = text.lstrip(". ")
    text = text.encode()[:MAX_STEM_BYTES].decode(errors="ignore").rstrip(". ")
    if _RESERVED.fullmatch(text.split(".")[0].rstrip()):
        text = "_" + text
    return text or "unnamed"


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return ``name``, or else "name (2)", "name (3)" ...: the first that is not in ``taken``.

    Names that differ only in case or normal form count as equal, since they are equal for clients
    of a share.
    """
    used = {fold(each) for each in taken}
    return next(each for each in numbered_names(name) if fold(each) not in used)


def numbered_names(name: str) -> Iterator[str]:
    """Yield ``name``, "name (2)", "name (3)" ... without an end. A name that has a small number
    already counts on from there: numbers do not pile up. A large one may be a year."""
    yield name
    found = _NUMBERED.fullmatch(name)
    base, first = (found["base"], int(found["number"]) + 1) if found else (name, 2)
    yield from (f"{base} ({number})" for number in count(first))


def without_number(name: str) -> str:
    """Return the name that got a number to be ``name``; empty: it has none."""
    found = _NUMBERED.fullmatch(name)
    return found["base"] if found else ""


def _is_invisible(char: str) -> bool:
    return char != _JOINER and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _show_surrogate(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code & 0xFF:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
