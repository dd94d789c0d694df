"""Finds the few of hundreds of templates from which a text may have been made."""

from collections.abc import Iterator, Mapping

from heygem_daemon.language.template import TextTemplate, parse_template

_KEY_LENGTH = 2
"""Templates that begin with other characters than a text, as many as these, are not tried."""


class TemplateIndex:
    """The templates among a catalogue's texts, with their translations.

    The status page asks for each new text in the daemon's main loop, and whoever can write to the
    inbox makes new texts.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        """``texts``: the translation of each English text; empty: there is none yet."""
        parsed = ((parse_template(text), translation) for text, translation in texts.items())
        found = [(template, each) for template, each in parsed if template.names and each]
        # The surest fit first.
        found.sort(key=lambda each: -each[0].own_length)
        keys = [_key(template.parts[0]) for template, _ in found]
        longest = [max(template.parts, key=len) for template, _ in found]
        entries = list(zip(longest, found, keys, strict=True))
        self._by_beginning = {
            key: [(part, each) for part, each, own in entries if own in ("", key)]
            for key in {"", *keys}
        }

    def that_may_fit(self, text: str) -> Iterator[tuple[TextTemplate, str]]:
        """Yield the templates that may begin like ``text`` and whose longest part is in it, the
        surest fit first."""
        alike = self._by_beginning.get(_key(text), self._by_beginning[""])
        return (each for part, each in alike if part in text)


def _key(text: str) -> str:
    """Return what tells a beginning apart; nothing where it is too short for that: a value may
    follow."""
    return text[:_KEY_LENGTH] if len(text) >= _KEY_LENGTH else ""
