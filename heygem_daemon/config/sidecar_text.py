"""Reads the text of a sidecar as people write it: in the encodings of their editors, with the
quotes that word processors make of plain ones, or with none. Pure.

Only what can mean one thing alone is read so. The work grows with the length of the text, which its
caller limits.
"""

import re

from heygem_daemon.system.untrusted import UnreadableText

_MARKS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))
"""Encodings by the bytes that a text in them begins with."""

_WINDOWS_QUOTES = frozenset(b"\x91\x92\x93\x94\xa0")
"""Curly quotes and the unbreakable space in Windows-1252. In GBK each would be half a character."""

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»＂〝〞「」『』", '"'),
        **dict.fromkeys("‘’‚‛＇`´", "'"),
        **dict.fromkeys("\u00a0\u3000\u2007\u202f", " "),
        **dict.fromkeys("\u200b\ufeff", None),
        "＝": "=",
        "：": ":",
        "＃": "#",
        "，": ",",
        "；": ";",
        "－": "-",
        "．": ".",
        "＿": "_",
        **{chr(0xFEE0 + code): chr(code) for code in range(0x80) if chr(code).isalnum()},
    }
)
"""What input methods and word processors write for the characters of TOML."""

_LINE = re.compile(
    r"""[ \t]*(?P<key>"?[A-Za-z_][\w-]{0,63}"?)[ \t]*(?:=|:(?=[ \t\w"']))(?P<rest>.*)"""
)
"""A line that sets an option, also with a colon."""

_BARE = re.compile(r"""[ \t]*(?P<word>[A-Za-z][\w.+-]{0,63})[ \t]*(?P<comment>#.*)?""", re.ASCII)
_SINGLE = re.compile(r"""[ \t]*'(?P<word>[^'"\\#]{0,64})["'][ \t]*(?P<comment>#.*)?""")
_HALF_QUOTED = re.compile(
    r"""[ \t]*(?:["'](?P<opened>[A-Za-z][\w.+-]{0,63})|(?P<closed>[A-Za-z][\w.+-]{0,63})["'])"""
    r"""[ \t]*(?P<comment>#[^"']*)?""",
    re.ASCII,
)
"""One word with one quote, before it or behind it."""
_TRUTH = ("true", "false")


def decode_text(text: bytes) -> str:
    """Return the text of a file, in UTF-8, UTF-16, GBK or Windows-1252. Raises UnreadableText, with
    the line, if it is in none of them."""
    for encoding in _encodings(text):
        try:
            return _plain_line_ends(text.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise _fault(text)


def _encodings(text: bytes) -> list[str]:
    """Return what the text may be in, the likeliest first."""
    for encoding, mark in _MARKS:
        if text.startswith(mark):
            return [encoding]
    if b"\0" in text:  # no text of single bytes has one
        little = text[1::2].count(0) >= text[::2].count(0)
        return ["utf-16-le" if little else "utf-16-be"]
    high = {byte for byte in text if byte >= 0x80}
    return ["utf-8", "cp1252" if high <= _WINDOWS_QUOTES else "gb18030"]


def _fault(text: bytes) -> UnreadableText:
    """Return the error for a text that is in none of its likely encodings."""
    encoding = _encodings(text)[-1]
    if encoding == "gb18030":
        # Two bytes of GBK may look like a character of UTF-8; a character of three bytes shows it.
        read = text[: _fault_at(text, "utf-8")].decode("utf-8")
        encoding = "utf-8" if max(read, default="") >= "\u0800" else "gb18030"
    before = text[: _fault_at(text, encoding)].decode(encoding, errors="ignore")
    name = "UTF-16" if encoding.startswith("utf-16") else "UTF-8"
    return UnreadableText(f"not {name} text", _plain_line_ends(before).count("\n") + 1)


def _fault_at(text: bytes, encoding: str) -> int | None:
    """Return the index of the first byte that cannot be decoded; None: all can."""
    try:
        text.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_plain_signs(text: str) -> str:
    """Return a text with plain quotes, signs and digits on each line that sets an option, and
    quotes around a value of one word that lacks them, or one of them."""
    return "\n".join(map(_plain_line, text.split("\n")))


def plain_characters(line: str) -> str:
    """Return a line with the plain characters that are meant by those of word processors and input
    methods."""
    return line.translate(_PLAIN)


def has_quote(line: str) -> bool:
    """Return whether there is a quote of any kind in a line."""
    return not {"'", '"'}.isdisjoint(plain_characters(line))


def _plain_line(line: str) -> str:
    plain = plain_characters(line)
    found = _LINE.fullmatch(plain)
    if found is None:
        return plain if plain.lstrip().startswith("#") else line
    key, rest = found["key"], _without_signs_at_end(found["rest"])
    for pattern in (_BARE, _SINGLE, _HALF_QUOTED):
        if (value := pattern.fullmatch(rest)) is not None:
            comment = f"  {value['comment']}" if value["comment"] else ""
            word = next(text for text in value.groups() if text is not None).strip()
            small = word.lower()
            return f"{key} = {small if small in _TRUTH else _quoted(word)}{comment}"
    return f"{key} ={rest}"


def _without_signs_at_end(rest: str) -> str:
    """Return what follows the sign of equality without the commas and semicolons at its end, with
    which other languages end a statement."""
    bare, sign, comment = rest.partition("#")
    value = bare.rstrip(" \t").rstrip(",; \t")
    is_whole = all(bare.count(quote) % 2 == 0 for quote in "\"'")
    return f"{value}  {sign}{comment}".rstrip() if is_whole and value != bare.rstrip() else rest


def _quoted(word: str) -> str:
    return f'"{word}"'
