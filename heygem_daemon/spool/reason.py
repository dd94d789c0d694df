"""``reason.txt``: why a job failed, for the person who dropped it, in one language or both."""

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import east_asian_width

from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import pair_key, printable
from heygem_daemon.spool.places import place_for_people

REASON_FILE = "reason.txt"

LANGUAGE_RULE = f"\n{'-' * 60}\n\n"
"""Between the languages."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, as its journal keeps it."""

    reason: str
    """In English."""

    remedy: str = ""
    """What a person can do about it, in English; may be empty."""

    language: LanguageSetting = "both"
    """In which languages ``reason.txt`` is."""

    cancelled: bool = False
    """Whether somebody asked for it: nothing is wrong with the files."""


LABELS = {
    "file": "File",
    "reason": "Reason",
    "remedy": "What to do",
    "audio": "Audio",
    "video": "Video",
    "options": "Options",
    "failed": "Failed at",
    "cancelled": "Cancelled at",
    "id": "Job id",
    "attempts": "Attempts",
}
LABEL_COLUMNS = 12


def reason_text(journal: Journal, title: str, *, is_whole: bool = True) -> str:
    """Return the whole file: what is wrong, what to do, when, and how many attempts there were.
    ``title``: what ``heygem-daemon retry`` calls the job. ``is_whole``: whether its sound and its
    video lie beside it."""

    def write(translate: Translator) -> str:
        return "\n".join([*_lines(journal, title, translate, is_whole=is_whole), ""])

    return LANGUAGE_RULE.join(in_each(journal.language, write))


def _lines(journal: Journal, title: str, translate: Translator, *, is_whole: bool) -> Iterator[str]:
    def row(label: str, text: str) -> str:
        start = translate(LABELS[label]) + (":" if translate.language == "en" else "：")
        return start + " " * max(1, LABEL_COLUMNS - _columns(start)) + text

    # Names stay as they are, and only what the program wrote is looked up.
    if journal.cancelled:
        yield translate('"{name}" was cancelled.', name=journal.name)
    else:
        yield translate('"{name}" could not be rendered.', name=journal.name)
    yield ""
    yield row("reason", translate(_one_line(journal.reason) or "unknown"))
    if journal.remedy:
        yield row("remedy", translate(_one_line(journal.remedy)))
    yield ""
    if journal.audio_name == journal.video_name:
        yield row("file", printable(journal.video_name))
    else:
        yield row("audio", printable(journal.audio_name))
        yield row("video", printable(journal.video_name))
    if journal.sidecar_name:
        yield row("options", printable(journal.sidecar_name))
    ended = "cancelled" if journal.cancelled else "failed"
    yield row(ended, format_time(journal.completed_at or 0.0))
    yield row("id", journal.id)
    yield row("attempts", str(journal.attempts))
    for each in journal.troubles:
        trouble = f"{translate(each.kind)}: {translate(_one_line(each.text))}"
        yield f"  {format_time(each.at)} {trouble}"
    yield ""
    yield translate(_what_lies_here(journal))
    if not is_whole:
        # What the folder there is called depends on whether anything of the batch is published.
        yield translate(
            "What is not here is used by other members, too, and lies in {place} when all have"
            " ended.",
            place=place_for_people("done", journal.folder),
        )
    yield translate(
        "To try these again, drop an empty file into the inbox: {name}.retry"
        if journal.cancelled
        else "To try these again, drop an empty file there: {name}.retry",
        name=_request_name(journal, title),
    )
    if journal.sidecar_name:
        yield translate(
            "Empty, it keeps the options of {name}; to correct these, write them into it, one a"
            " line.",
            name=printable(journal.sidecar_name),
        )
    yield translate("Or on the server: heygem-daemon retry {name}", name=shlex.quote(title))


def _what_lies_here(journal: Journal) -> str:
    if journal.cancelled:
        return "The input files lie in this folder."
    if pair_key(journal.audio_name) == pair_key(journal.video_name):
        return "The input files lie in this folder. Drop a corrected pair into the inbox."
    # A sound and a video of a batch, which no common name makes a pair.
    return (
        "The input files lie in this folder. Give the corrected sound and video one name, and"
        " drop both into the inbox."
    )


def _request_name(journal: Journal, title: str) -> str:
    """Return what a request in the job's own inbox calls it: a member has the name of its batch."""
    name = title.removeprefix(f"{journal.folder}/") if journal.folder else title
    return name.partition("/")[0]


def format_time(seconds: float) -> str:
    """Return seconds since the epoch as local time with its zone: 2026-11-21 11:15:22 CST."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _columns(text: str) -> int:
    """Return how many columns of a fixed font a text takes."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def _one_line(text: str) -> str:
    return " ".join(printable(part) for part in text.split())
