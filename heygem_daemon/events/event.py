"""What all events of the log have in common."""

import re
import string
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from loguru import logger

if TYPE_CHECKING:
    from loguru import Logger

SHOWN = "shown"
"""The field of a record that names the fields which its sentence holds already."""


@dataclass(frozen=True)
class Event:
    """Something that the log says. A subclass is one kind of event; its fields are in every line,
    and its name, its fields and their types do not change between versions."""

    level: ClassVar[str] = "INFO"
    text: ClassVar[str] = ""
    """The sentence, with the fields in braces."""

    def __init_subclass__(cls, *, text: str, level: str = "INFO") -> None:
        cls.text, cls.level = text, level

    @classmethod
    def event_name(cls) -> str:
        """Return the stable name, ``chunk_done``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def shown(cls) -> frozenset[str]:
        """Return the names of the fields that the sentence holds."""
        return frozenset(name for _, name, _, _ in string.Formatter().parse(cls.text) if name)

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
        named = about.bind(event=self.event_name(), **values, **trace, **{SHOWN: self.shown()})
        # The sentence is a value and not the template, since loguru interprets braces there.
        named.opt(exception=error, depth=1).log(
            level or self.level, "{}", self.text.format(**values)
        )
