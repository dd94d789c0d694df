"""Lists within texts, ``anna, ben and chen``, as Chinese writes them. Pure."""

import re
from collections.abc import Callable

LISTS = frozenset(
    {
        "blockers", "changed", "days", "disks", "engines", "expected", "folders",
        "inaccessible_files", "keys", "kinds", "late", "missing", "model_fields", "names",
        "open_ways", "pci_addresses", "public_folders", "restricted_subjects",
        "short_label", "slot_numbers", "suffixes", "throttled", "unfinished", "user_names", "where",
        "wrong",
    }
)  # fmt: skip
"""The names of the places in texts that hold lists. Elsewhere, " and " may be part of a name."""

_NUMBER = re.compile(r"_\d+$")
_MORE = re.compile(r"(\d+) more")
_LAST = {" and ": " 和 ", " or ": " 或 "}
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def is_list(place: str) -> bool:
    """Return whether the place of this name in a text holds a list."""
    return _NUMBER.sub("", place) in LISTS


def may_be_list(text: str) -> bool:
    """Return whether there may be several items in a list."""
    return any(each in text for each in (", ", *_LAST))


def list_in_chinese(text: str, translate: Callable[[str], str] = str) -> str:
    """Return a list as Chinese writes it: ``anna、ben 和 chen``. ``translate`` translates one item;
    what is no list is one item."""
    found = [(text.rfind(each), each) for each in _LAST]
    place, joint = max(found)
    if place < 0:
        return "、".join(map(translate, text.split(", ")))
    items = "、".join(map(translate, text[:place].split(", ")))
    last = text[place + len(joint) :]
    if more := _MORE.fullmatch(last):
        return f"{items} 等，另有 {more[1]} 个"
    return f"{items}{_LAST[joint]}{translate(last)}"


def split_outside_brackets(text: str, joint: str) -> list[str]:
    """Return the parts of a text between its joints that are in no bracket: of 'GPU 0 (X, MIG-1),
    GPU 1 (X, MIG-2)' two. Where a bracket does not end, all joints count: it is in a name."""
    parts: list[str] = []
    for piece in text.split(joint):
        if parts and _is_open(parts[-1]):
            parts[-1] += joint + piece
        else:
            parts.append(piece)
    return text.split(joint) if _is_open(parts[-1]) else parts


def count_stray_brackets(text: str) -> int:
    """Return how many brackets have no other half of their kind: '（X)' has two."""
    return sum(_count_stray(text, begin, end) for begin, end in (("(", ")"), ("（", "）")))


def _count_stray(text: str, begin: str, end: str) -> int:
    stray = still_open = 0
    for each in text:
        if each == begin:
            still_open += 1
        elif each == end and still_open:
            still_open -= 1
        elif each == end:
            stray += 1
    return stray + still_open


def _is_open(text: str) -> bool:
    return text.count("(") > text.count(")")


def spaced(before: str, value: str, after: str) -> str:
    """Return a value with the space that Chinese has beside Latin letters and digits. ``before``,
    ``after``: the characters beside it; empty: none."""
    left = " " if _CHINESE.match(before) and _is_latin(value[:1]) else ""
    right = " " if _CHINESE.match(after) and _is_latin(value[-1:]) else ""
    return f"{left}{value}{right}"


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
