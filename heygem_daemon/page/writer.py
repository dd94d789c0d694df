"""Writes ``status.html`` and ``status.txt`` into the root of the spool, for people without a login.

The page is one file that requests nothing from anywhere. Names and reasons come from users: the
templates escape them, and addresses lead into the spool alone.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.page.bilingual import BilingualTexts
from heygem_daemon.page.forms import local_time
from heygem_daemon.page.view import build_view, remedy_of
from heygem_daemon.report.stages import STAGES
from heygem_daemon.report.status import DiskStatus, JobStatus, Status
from heygem_daemon.system import paths

HTML_NAME, TEXT_NAME = "status.html", "status.txt"

LEAST_SECONDS, MOST_SECONDS = 2.0, 10.0
"""Least time between two writings; the longer one is for pages that take long to make."""

MAX_CPU_SHARE = 0.01
"""How much of a core the pages may take."""

KEEPALIVE_SECONDS = 15.0
"""An unchanged page is rewritten this often, so that its readers see that the daemon is alive."""

FRESH_SECONDS = 60
"""A page that is older than this says in the reader's browser that no daemon is running."""

RELOAD_MILLISECONDS = 4000
"""How often a page that somebody looks at is read again. A video that plays is not interrupted."""

SHOWN_VIDEOS = 60
"""How many results have a player on the page; the others are links."""

STATES = {
    "starting": "The daemon is starting.",
    "idle": "The daemon is ready.",
    "working": "The daemon is at work.",
    "holding": "The daemon waits.",
    "stopping": "The daemon is stopping.",
    "stopped": "The daemon is not running.",
}


TEXT_RULE = f"\n{'-' * 60}\n\n"
"""Between the languages of the text."""


class PageRenderer:
    """Makes the page from a status."""

    def __init__(self, is_there: Callable[[str], bool] = lambda _path: True) -> None:
        """``is_there``: see ``build_view``. Raises OSError if a catalogue is missing."""
        self._is_there = is_there
        self._texts = BilingualTexts()
        environment = Environment(
            loader=PackageLoader("heygem_daemon.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        environment.globals.update(
            fresh_seconds=FRESH_SECONDS,
            local_time=local_time,
            reload_milliseconds=RELOAD_MILLISECONDS,
            remedy_of=remedy_of,
            roughly=roughly,
            shown_videos=SHOWN_VIDEOS,
            since=Markup("<b></b>"),
            stage_of=_stage_of,
        )
        self._html = environment.get_template(HTML_NAME, globals={"t": self._texts.both})
        self._text = environment.overlay(autoescape=False).get_template(TEXT_NAME)

    def html(
        self, status: Status, retention_days: float, language: LanguageSetting = "both"
    ) -> str:
        """Return the page. It shows ``language`` first, or with "both" that of the browser."""
        headline = self._texts.both(STATES[status.state])
        more = status.unlisted.jobs + status.unlisted.inbox
        view = build_view(status, retention_days, self._is_there)
        return self._html.render(view=view, headline=headline, more=more, language=language)

    def text(
        self, status: Status, retention_days: float, language: LanguageSetting = "both"
    ) -> str:
        """Return the page as plain text, in each language of the setting."""
        view = build_view(status, retention_days, self._is_there)

        def write(translate: Translator) -> str:
            headline, sentence = STATES[status.state], status.backlog.sentence()
            return self._text.render(view=view, headline=headline, sentence=sentence, t=translate)

        return TEXT_RULE.join(in_each(language, write))


class PageWriter:
    """Writes the page where something has changed, and now and then where nothing has."""

    def __init__(self, root: Path) -> None:
        """``root``: the spool. Raises OSError if a catalogue is missing."""
        self._root = root
        self._renderer = PageRenderer(self._is_there)
        self._last: Status | None = None
        self._written = float("-inf")
        self._pause = LEAST_SECONDS

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(self._root / path)

    def write(
        self,
        status: Status,
        retention_days: float,
        now: float,
        language: LanguageSetting = "both",
    ) -> None:
        """Write the page at monotonic time ``now`` if it is due. Raises OSError."""
        comparable = status.model_copy(
            update={"written": 0.0, "devices": _without_figures(status), "disk": DiskStatus()}
        )
        has_ended = status.state == "stopped"
        pause = KEEPALIVE_SECONDS if comparable == self._last else self._pause
        if not has_ended and now - self._written < pause:
            return
        before = time.thread_time()
        self._last, self._written = comparable, now
        for name, content in (
            (HTML_NAME, self._renderer.html(status, retention_days, language)),
            (TEXT_NAME, self._renderer.text(status, retention_days, language)),
        ):
            paths.write(
                self._root / name,
                content.encode("utf-8", "replace"),
                temporary_name=f".{name}.tmp",
                durable=False,
                mode=0o644,  # nobody but the daemon tells people what is true
            )
        cost = time.thread_time() - before
        self._pause = min(MOST_SECONDS, max(LEAST_SECONDS, cost / MAX_CPU_SHARE))


def _stage_of(job: JobStatus) -> str:
    """Return what a running job does, in words."""
    return STAGES.get(job.stage or "load", job.stage or "")


def _without_figures(status: Status) -> tuple[object, ...]:
    """Return what the page shows of the devices: their readings always change."""
    return tuple((each.label, each.jobs, each.fault) for each in status.devices)
