"""The languages of the status page, from gettext catalogues in ``heygem_daemon/locale``.

``python tools/translations.py`` extracts the texts and compiles the catalogues.
"""

import gettext
from pathlib import Path

from markupsafe import Markup, escape

DOMAIN = "heygem_daemon"
LOCALE = Path(__file__).resolve().parent.parent / "locale"
"""The catalogues, which are part of the program."""


class Texts:
    """The texts of the page in English and Chinese."""

    def __init__(self) -> None:
        """Raises OSError if the Chinese catalogue is missing."""
        self._chinese = gettext.translation(DOMAIN, LOCALE, ["zh"])
        self._fixed: dict[str, Markup] = {}
        """The texts without values, as HTML: a page has many of them."""

    def both(self, english: str, **values: object) -> Markup:
        """Return HTML with a text in both languages, of which the page shows one. ``values`` take
        the places of their names in braces, escaped."""
        if not values and english in self._fixed:
            return self._fixed[english]
        chinese = self._chinese.gettext(english) if english else ""
        html = Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(
            escape(english).format(**values), escape(chinese).format(**values)
        )
        if not values:
            self._fixed[english] = html
        return html

    def chinese(self, english: str, **values: object) -> str:
        """Return a text in Chinese."""
        return self._chinese.gettext(english).format(**values)

    def line(self, english: str) -> str:
        """Return a text in both languages, as one line of plain text."""
        return f"{english} / {self.chinese(english)}"
