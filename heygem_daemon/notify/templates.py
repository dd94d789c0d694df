"""The texts of notifications. Pure."""

from dataclasses import dataclass

from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.notify.occasion import MessageKind, Occasion

MAX_FIELD_CHARACTERS = 500
"""Of a longer name or reason, only so much is sent."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a person reads."""

    title: str
    body: str
    """Its paragraphs, with a line feed between them."""


_TEXTS: dict[MessageKind, Text] = {
    "published": Text(
        "{job} is finished", "{job} was rendered in {duration} and lies at {file} on {host}."
    ),
    "failed": Text(
        "{job} failed",
        "{job} could not be rendered on {host}: {reason}\n"
        "Its files and reason.txt are in the folder failed.",
    ),
    "waiting": Text(
        "Jobs wait too long on {host}",
        "The oldest of {count} has waited for {duration}. `heygem-daemon status` says for what.",
    ),
    "on_hold": Text(
        "heygem-daemon on {host} is on hold",
        "Nothing can start: {reason}\nIt goes on by itself when that is over.",
    ),
    "resumed": Text("heygem-daemon on {host} goes on", "It was on hold for {duration}: {reason}"),
    "test": Text(
        "A test of heygem-daemon on {host}",
        "Somebody wanted to see whether this message arrives. Nothing else has happened.",
    ),
}


def text_of(occasion: Occasion, language: LanguageSetting) -> Text:
    """Return title and body, with "both" one language after the other. Names of users are put in as
    they are, as plain text."""
    text = _TEXTS[occasion.kind]
    titles = in_each(language, lambda translate: _fill(text.title, occasion, translate))
    bodies = in_each(language, lambda translate: _fill(text.body, occasion, translate))
    return Text(" / ".join(" ".join(each.split()) for each in titles), "\n\n".join(bodies))


def _fill(template: str, occasion: Occasion, translate: Translator) -> str:
    values = {
        "job": occasion.job,
        "file": occasion.file,
        "host": occasion.host,
        "reason": translate(occasion.reason),
        "count": str(occasion.count),
        "duration": translate(roughly(occasion.seconds)),
    }
    short = {key: _shorten(value) for key, value in values.items()}
    return "\n".join(translate(line, **short) for line in template.split("\n"))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_FIELD_CHARACTERS else text[:MAX_FIELD_CHARACTERS] + "…"
