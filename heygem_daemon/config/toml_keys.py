"""Names as a TOML file writes them: what is not of plain letters needs quotes. Pure."""

import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"""\s*(\[\[?)([^\[\]"'#=]+)(\]\]?)\s*(?:#.*)?""")
_SETTING = re.compile(r"""\s*([^\[\]"'#={}]+?)\s*=""")


def format_key(key: str) -> str:
    """Return a key as it is written in a TOML file: one of other characters is quoted."""
    return key if _BARE.fullmatch(key) else f'"{key}"'


def with_quotes(line: str) -> str | None:
    """Return what to write instead of the table or the key of a line that TOML does not understand:
    ``[folders."视频"]`` for ``[folders.视频]``; None: it lacks no quotes."""
    if (table := _HEADER.fullmatch(line)) is not None:
        opened, name, closed = table.groups()
    elif (setting := _SETTING.match(line)) is not None:
        opened, name, closed = "", setting[1], ""
    else:
        return None
    parts = [part.strip() for part in name.split(".")]
    right = ".".join(map(format_key, parts))
    return None if '"' not in right or not all(parts) else f"{opened}{right}{closed}"
