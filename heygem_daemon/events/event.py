"""What all events of the log have in common."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, dataclass_transform

from loguru import logger

from heygem_daemon.durations import roughly

if TYPE_CHECKING:
    from loguru import Logger

SHOWN = "shown"
"""The field of a record that names the fields which its sentence holds already."""

_OPTIONAL = re.compile(r"\[([^\]]*)\]")
"""A part of a sentence that is left out where it has nothing to say."""


_TIME = "time"


class _Formatter(string.Formatter):
    """Fills in a sentence. ``{seconds:time}`` is a duration as people say it: 3 min."""

    def format_field(self, value: object, format_spec: str) -> str:
        if format_spec == _TIME and isinstance(value, int | float):
            return roughly(value)
        return str(super().format_field(value, format_spec))


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Event:
    """Something that the log says. A subclass is one kind of event and a frozen dataclass; its
    fields are in every line, and its name, its fields and their types do not change between
    versions."""

    level: ClassVar[str] = "INFO"
    text: ClassVar[str] = ""
    """The sentence, with the fields in braces. A part in square brackets is left out if one of its
    fields is None, 0 or empty."""

    def __init_subclass__(cls, *, text: str, level: str = "INFO") -> None:
        cls.text, cls.level = text, level
        dataclass(frozen=True)(cls)

    @classmethod
    def event_name(cls) -> str:
        """Return the stable name, ``chunk_done``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def shown(cls) -> frozenset[str]:
        """Return the names of the fields whose values the sentence can hold."""
        return _fields_in(cls.text) - _rounded_in(cls.text)

    def log(
        self,
        about: "Logger" = logger,
        *,
        level: str | None = None,
        error: Exception | None = None,
        traceback: str = "",
    ) -> None:
        """Log the event. ``about`` adds what it concerns: a job or a batch. ``level``: another
        level than usual. The traceback of ``error``, or the text ``traceback``, follows in lines of
        its own."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        trace = {"traceback": traceback} if traceback else {}
        sentence = _without_idle_parts(self.text, values)
        shown = {SHOWN: _fields_in(sentence) - _rounded_in(sentence)}
        named = about.bind(event=self.event_name(), **values, **trace, **shown)
        # The sentence is a value and not the template, since loguru interprets braces there.
        named.opt(exception=error, depth=1).log(
            level or self.level, "{}", _Formatter().format(sentence, **values)
        )


def _fields_in(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


def _rounded_in(text: str) -> frozenset[str]:
    """Return the fields that the sentence tells in rounded words."""
    return frozenset(
        name for _, name, spec, _ in string.Formatter().parse(text) if name and spec == _TIME
    )


def _without_idle_parts(text: str, values: Mapping[str, object]) -> str:
    """Return the sentence without brackets, and without the parts in them that say nothing."""
    return _OPTIONAL.sub(
        lambda part: part[1] if all(values[name] for name in _fields_in(part[1])) else "", text
    )
