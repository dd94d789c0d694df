"""The texts of notifications. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.notify.occasion import MessageKind, Occasion

LATE_SECONDS = 600.0
"""A message that is sent so long after the event says when that was."""

MAX_FIELD_CHARACTERS = 500
"""Of a longer name or reason, only so much is sent."""

ZERO_WIDTH_SPACE = "\u200b"

_CALL = re.compile(r"@(?=everyone|here|all|channel|room)|<(?=[@!#]|users/)", re.IGNORECASE)
"""What Discord, Mattermost, Rocket.Chat, Matrix, Slack and Google Chat take for a call to many, or
for one to a user by his number."""


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


_LATE = "This happened on {time} and could not be told sooner."


def text_of(occasion: Occasion, language: LanguageSetting, now: float) -> Text:
    """Return title and body, with "both" one language after the other. Names of users are put in as
    plain text, and call nobody. ``now``: UNIX time."""
    text = _TEXTS[occasion.kind]
    body = f"{text.body}\n{_LATE}" if now - occasion.at > LATE_SECONDS else text.body
    titles = in_each(language, lambda translate: _fill(text.title, occasion, translate))
    bodies = in_each(language, lambda translate: _fill(body, occasion, translate))
    return Text(" / ".join(" ".join(each.split()) for each in titles), "\n\n".join(bodies))


def _fill(template: str, occasion: Occasion, translate: Translator) -> str:
    values = {
        "job": occasion.job,
        "file": occasion.file,
        "host": occasion.host,
        "reason": translate(occasion.reason),
        "count": str(occasion.count),
        "duration": translate(roughly(occasion.seconds)),
        "time": _local_time(occasion.at),
    }
    short = {key: _without_calls(_shorten(value)) for key, value in values.items()}
    return "\n".join(translate(line, **short) for line in template.split("\n"))


def _local_time(at: float) -> str:
    """Return UNIX time as the clock of this machine shows it, with its offset from UTC."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M %z")


def _without_calls(text: str) -> str:
    """Return a text in which a chat finds no ``@everyone``, of which it would notify all its users:
    with a character behind the sign that nobody sees. Other signs stay as they are."""
    return _CALL.sub(lambda each: each[0] + ZERO_WIDTH_SPACE, text)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_FIELD_CHARACTERS else text[:MAX_FIELD_CHARACTERS] + "…"
