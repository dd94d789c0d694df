"""Texts of the status page in both languages, of which its reader's browser shows one."""

from collections.abc import Mapping
from functools import lru_cache

from markupsafe import Markup, escape

from heygem_daemon.language.template import fill_in
from heygem_daemon.language.translator import translator

REMEMBERED = 1024
"""How many texts without values are kept as HTML: a page has many of them."""


class BilingualTexts:
    """Makes HTML that holds each text in English and Chinese."""

    def __init__(self) -> None:
        """Raises OSError, ValueError without the Chinese catalogue."""
        self._chinese = translator("zh")
        self._fixed = lru_cache(REMEMBERED)(self._fixed_text)

    def both(self, english: str, **values: object) -> Markup:
        """Return HTML with a text in both languages; once, if both are the same. ``values`` take
        the places of their names in braces, translated and escaped."""
        if not values:
            return self._fixed(english)
        shown = {name: escape(each) for name, each in values.items()}
        own = {name: escape(self._value(each)) for name, each in values.items()}
        return _spans(_fill_in(english, shown), _fill_in(self._chinese(english), own))

    def _value(self, value: object) -> object:
        return value if isinstance(value, Markup) else self._chinese(str(value))

    def _fixed_text(self, english: str) -> Markup:
        return _spans(english, self._chinese(english))


def _fill_in(text: str, values: Mapping[str, Markup]) -> Markup:
    return Markup(fill_in(escape(text), values))  # noqa: S704 - both are escaped


def _spans(english: str, chinese: str) -> Markup:
    if english == chinese:
        return escape(english)
    return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(english, chinese)
