"""Finds the few of hundreds of templates from which a text may have been made."""

from collections.abc import Iterator, Mapping

from heygem_daemon.language.template import TextTemplate, parse_template

_KEY_LENGTH = 2
"""Characters at the beginning by which templates are told apart before they are tried."""


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
        keys = [template.parts[0][:_KEY_LENGTH] for template, _ in found]
        longest = [max(template.parts, key=len) for template, _ in found]
        entries = list(zip(longest, found, keys, strict=True))
        self._by_beginning = {
            key: [(part, each) for part, each, own in entries if key.startswith(own) or not own]
            for key in {"", *keys}
        }

    def that_may_fit(self, text: str) -> Iterator[tuple[TextTemplate, str]]:
        """Yield the templates that begin like ``text`` or with a value and whose longest part is in
        it, the surest fit first."""
        alike = self._by_beginning.get(text[:_KEY_LENGTH], self._by_beginning[""])
        return (each for part, each in alike if part in text)
