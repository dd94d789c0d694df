"""Texts with values in them, and how the values are found again in the finished text. Pure.

The program writes its reasons in English, as finished sentences: so they are in the log, the
journals and ``status.json``. A reader's translation needs their values. They are found by the parts
of the template that never change, which stand in the text in the same order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from heygem_daemon.language.listing import is_list, spaced

_PLACE = re.compile(r"\{(\w+)\}")

LEAST_CHARACTERS = 4
"""A template with fewer characters of its own fits numbers alone: it would fit too much else."""

SHORT_LENGTH = 12
"""A template with fewer characters of its own fits a single clause alone."""

_JOINED = re.compile(r"[;.:=,] ")
_CLAUSES = re.compile(r"[;.:] ")
_NUMBER = re.compile(r"[\d.,:]+(?: (?:s|min|h|%|B|KiB|MiB|GiB))?", re.ASCII)
_NUMBERS = re.compile(rf"{_NUMBER.pattern}(?: {_NUMBER.pattern})?", re.ASCII)
_COUNTS = ("count", "gib")
"""The names of places that hold a number where a text begins with them."""


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """A text with names in braces where values belong."""

    parts: tuple[str, ...]
    """What never changes: before, between and behind the values; one more than ``names``."""

    names: tuple[str, ...]

    fits_numbers_alone: bool = False
    """Whether each value must be a number, which may have a unit: 7, 9 s, 3 min 20 s."""

    @property
    def own_length(self) -> int:
        """How many characters never change. The longer, the surer is a fit."""
        return sum(map(len, self.parts))

    def find_values(self, text: str) -> dict[str, str] | None:
        """Return the values with which ``text`` was made; None if it was not made from this
        template. Each value is as short as possible, so that the work grows with the length of the
        text alone, whatever somebody put into it."""
        first, last = self.parts[0], self.parts[-1]
        if not self.names:
            return {} if text == first else None
        if not (text.startswith(first) and text.endswith(last)):
            return None
        if len(text) < self.own_length:
            return None
        values, begin, end = {}, len(first), len(text) - len(last)
        for name, part in zip(self.names, self.parts[1:-1], strict=False):
            # Where two values touch, the first one gets everything.
            place = text.find(part, begin, end) if part else end
            if place < 0:
                return None
            values[name] = text[begin:place]
            begin = place + len(part)
        values[self.names[-1]] = text[begin:end]
        return values if self._may_hold(values) else None

    def moves_clauses(self, values: Mapping[str, str], translation: str) -> bool:
        """Return whether a translation takes what is at the text's beginning or end to another
        place, with clauses that may not belong to the value."""
        first, last = self.names[0], self.names[-1]
        begins = not self.parts[0] and _CLAUSES.search(values[first])
        ends = not self.parts[-1] and _CLAUSES.search(values[last])
        return bool(
            (begins and not translation.startswith(f"{{{first}}}"))
            or (ends and not translation.endswith(f"{{{last}}}"))
        )

    def _may_hold(self, values: Mapping[str, str]) -> bool:
        """Return whether the template may have had these values: a text that begins with a count
        begins with a number, and one with little of its own holds no texts."""
        if self.fits_numbers_alone:
            return all(map(_NUMBERS.fullmatch, values.values()))
        first = self.names[0]
        if not self.parts[0] and first in _COUNTS and not _NUMBER.fullmatch(values[first]):
            return False
        if not self.parts[-1] and values[self.names[-1]].endswith("."):
            return False  # the full stop belongs to the text
        # The last of several values may be a text of its own: 'talk.toml, line 2: …'.
        single = self.names if len(self.names) == 1 else self.names[:-1]
        joined = (_JOINED.search(values[name]) for name in single if not is_list(name))
        return self.own_length >= SHORT_LENGTH or not any(joined)


def parse_template(text: str) -> TextTemplate:
    """Return the template of a catalogue's text."""
    pieces = _PLACE.split(text)
    parts, names = pieces[::2], pieces[1::2]
    own = sum(not each.isspace() for part in parts for each in part)
    return TextTemplate(tuple(parts), tuple(names), own < LEAST_CHARACTERS)


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with values in the places of their names. Braces within values are text.
    Between a Chinese character and a Latin one is a space."""

    def value_at(place: re.Match[str]) -> str:
        value = values.get(place[1], place[0])
        begin, end = place.span()
        return spaced(text[max(0, begin - 1) : begin], value, text[end : end + 1])

    return _PLACE.sub(value_at, text)


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in braces, in alphabetical order."""
    return tuple(sorted(_PLACE.findall(text)))
