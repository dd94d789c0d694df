"""Makes the status page from a status, as HTML and as text.

The page is one file that requests nothing from anywhere. Names and reasons come from users: the
templates escape them, and addresses lead into the spool alone.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from heygem_daemon.config.job_reference import describe_job_options
from heygem_daemon.config.option_advice import EXAMPLES
from heygem_daemon.config.wording import format_value
from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import Language, LanguageSetting, Translator, in_each
from heygem_daemon.page.bilingual import BilingualTexts
from heygem_daemon.page.forms import local_time
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.page.summary import counts_sentence, section_counts
from heygem_daemon.page.view import PageView, build_view, days_kept, others_first
from heygem_daemon.report.stages import STAGES
from heygem_daemon.report.status import JobStatus, Status
from heygem_daemon.report.waiting import ORDER_NOTE
from heygem_daemon.spool.layout import PAGE_NAMES
from heygem_daemon.spool.places import place_for_people

HTML_NAME, TEXT_NAME = PAGE_NAMES

FRESH_SECONDS = 60
"""A page that is older than this says in the reader's browser that no daemon is running."""

LOOK_MILLISECONDS = 4000
"""How often a page that somebody has open looks whether there is a newer one."""

PATIENCE_MILLISECONDS = 20_000
"""How long it waits for an answer before it takes another way."""

SHOWN_VIDEOS = 60
"""How many results have a player on the page; the others are links."""
SHOWN_FAILURES = 5
"""How many of the last failures are on the page as they are; those before them can be opened."""
SHOWN_REQUESTS = 5
"""The same for the answers to requests."""

STATES = {
    "starting": "The daemon is starting.",
    "idle": "The daemon is ready.",
    "working": "The daemon is at work.",
    "holding": "The daemon waits.",
    "stopping": "The daemon is stopping.",
    "stopped": "The daemon is not running.",
}


REQUESTS = (
    "{name}.cancel stops it",
    "{name}.hurry lets it go before your other jobs",
    "{name}.retry makes it again, with the options that are written in it, if any",
    "{name}.remove deletes it with its result and its files",
)
"""What people can ask of a job, each by a file."""

OPTIONS = ("face", "quality")
"""What examples of a sidecar set."""

EXAMPLE = "hello"
"""The job's name in what the page says of how it works."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What stands between the parts of a line of the text, and around a remark."""

    colon: str = ": "
    semicolon: str = "; "
    comma: str = ", "
    opening: str = "("
    closing: str = ")"


SIGNS: Mapping[Language, Signs] = {"en": Signs(), "zh": Signs("：", "；", "，", "（", "）")}

TEXT_RULE = f"\n{'-' * 60}\n\n"
"""Between the languages of the text."""


@dataclass(frozen=True, slots=True)
class TimeMarks:
    """What stands for the time in a page that is written again and again with another one."""

    minute: str
    """For the local time to the minute."""

    second: str
    """For that to the second."""

    stamp: str
    """For the UNIX time."""


class PageRenderer:
    """Makes the page from a status."""

    def __init__(self) -> None:
        """Raises OSError if a catalogue is missing."""
        self._texts = BilingualTexts()
        self._html, self._text = _templates()
        self._in_browser = {
            "edition": secrets.token_hex(8),
            "fresh_seconds": FRESH_SECONDS,
            "look_milliseconds": LOOK_MILLISECONDS,
            "patience_milliseconds": PATIENCE_MILLISECONDS,
        }

    def html(
        self,
        status: Status,
        standpoint: Standpoint,
        language: LanguageSetting = "both",
        marks: TimeMarks | None = None,
    ) -> str:
        """Return the page. It shows ``language`` first, or with "both" that of the browser.
        ``marks``: what stands in place of its time; None: the time itself."""
        view = _marked(build_view(status, standpoint), marks)
        headline = self._texts.both(STATES[view.state])
        stamp = marks.stamp if marks else status.written
        return self._html.render(
            view=view,
            headline=headline,
            counts=section_counts(view),
            language=language,
            stamp=stamp,
            t=self._texts.both,
            **self._in_browser,
        )

    def text(
        self,
        status: Status,
        standpoint: Standpoint,
        language: LanguageSetting = "both",
        marks: TimeMarks | None = None,
    ) -> str:
        """Return the page as plain text, in each language of the setting."""
        view = _marked(build_view(status, standpoint), marks)
        counts = section_counts(view)

        def write(translate: Translator) -> str:
            signs = SIGNS[translate.language]
            return self._text.render(
                view=view,
                headline=STATES[view.state],
                sentence=counts_sentence(counts, translate, signs.comma),
                signs=signs,
                t=translate,
            )

        return TEXT_RULE.join(in_each(language, write))

    def pages(
        self,
        status: Status,
        standpoint: Standpoint,
        language: LanguageSetting,
        marks: TimeMarks | None = None,
    ) -> dict[str, str]:
        """Return both pages, by the names of their files."""
        return {
            HTML_NAME: self.html(status, standpoint, language, marks),
            TEXT_NAME: self.text(status, standpoint, language, marks),
        }


@cache
def _templates() -> tuple[Template, Template]:
    """Return the templates of both pages, compiled once in a process: that takes a while."""
    environment = Environment(
        loader=PackageLoader("heygem_daemon.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.globals.update(
        days_kept=days_kept,
        example=EXAMPLE,
        local_time=local_time,
        options=describe_job_options(),
        option_examples=[f"{key} = {format_value(EXAMPLES[key])}" for key in OPTIONS],
        order_note=ORDER_NOTE,
        others_first=others_first,
        place_for_people=place_for_people,
        requests=REQUESTS,
        roughly=roughly,
        shown_failures=SHOWN_FAILURES,
        shown_requests=SHOWN_REQUESTS,
        shown_videos=SHOWN_VIDEOS,
        stage_of=_stage_of,
    )
    text = environment.overlay(autoescape=False)
    return environment.get_template(HTML_NAME), text.get_template(TEXT_NAME)


def _marked(view: PageView, marks: TimeMarks | None) -> PageView:
    if marks is None:
        return view
    return replace(view, written=marks.minute, written_exactly=marks.second)


def _stage_of(job: JobStatus) -> str:
    """Return what a running job does, in words."""
    return STAGES.get(job.stage or "load", job.stage or "")
