"""Writes the pages of the hot folders: each shows its people what is theirs, and nobody else's.

There may be many hot folders, and most of the time nothing changes in them. So a page is made anew
only where its folder has changed. Otherwise the one that was made before is written again with the
present time, so that its readers see that the daemon is alive, or since when it is not.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.page.forms import exact_time, local_time
from heygem_daemon.page.renderer import PageRenderer, TimeMarks
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.page.writer import LEAST_SECONDS, without_figures
from heygem_daemon.report.status import Status
from heygem_daemon.spool.folder_pages import FolderPages
from heygem_daemon.system import paths

KEEPALIVE_SECONDS = 20.0
"""An unchanged page is rewritten this often."""

MAX_CPU_SHARE = 0.02
"""How much of a core all these pages may take while much changes in many folders."""

MAX_CREDIT_SECONDS = 0.5
"""How much processor time they may take at once, where they took none before."""


@dataclass(slots=True)
class _Page:
    """The page of one hot folder, as it was made last."""

    shown: Status | None = None
    """What it was made from; None: it was not made yet."""

    texts: dict[str, str] = field(default_factory=dict)
    """Its files by their names, with marks in place of the time."""

    written_at: float = float("-inf")
    """Monotonic time of the last try."""

    faults: dict[str, Exception] = field(default_factory=dict)
    """Why each of its files could not be written the last time, by its name."""

    changed_ns: int = 0
    """When a name in the outbox last came or went, after it was written."""


class FolderPageWriter:
    """Writes the pages of all hot folders where they are due."""

    def __init__(self, root: Path, files: FolderPages, renderer: PageRenderer) -> None:
        """``root``: the spool."""
        self._root = root
        self._files = files
        self._renderer = renderer
        self._pages: dict[str, _Page] = {}
        self._credit = MAX_CREDIT_SECONDS
        self._credited_at = float("-inf")
        self.heeds_requests = True
        """Whether people can steer jobs by files in their inboxes."""
        self.option_lines: Mapping[str, str] = {}
        """The options that each hot folder sets for its jobs, by its name."""
        # Nobody can foresee these marks and put them into a name.
        minute, second, stamp = (secrets.token_hex(8) for _ in range(3))
        self._marks = TimeMarks(minute, second, stamp)

    def write(
        self,
        statuses: Iterable[tuple[str, Status]],
        retention_days: float,
        now: float,
        language: LanguageSetting = "both",
    ) -> None:
        """Write the pages that are due at monotonic time ``now``. ``statuses``: those of the hot
        folders of now; what is known of the pages of others is forgotten."""
        self._earn(now)
        found = dict(statuses)
        self._pages = {name: self._pages.get(name, _Page()) for name in found}
        for name in sorted(found, key=lambda each: self._pages[each].written_at):
            has_ended = found[name].state == "stopped"
            if self._credit <= 0 and not has_ended:
                return
            if (step := self._due(name, found[name], now)) is not None:
                before = time.thread_time()
                self._pages[name].written_at = now
                step(name, found[name], retention_days, language)
                self._credit -= time.thread_time() - before

    def forget(self) -> None:
        """Make all pages anew the next time: the settings have changed."""
        self._pages = {}

    def _earn(self, now: float) -> None:
        earned = max(0.0, now - self._credited_at) * MAX_CPU_SHARE
        self._credit = min(MAX_CREDIT_SECONDS, self._credit + earned)
        self._credited_at = now

    def _due(self, name: str, status: Status, now: float) -> "_Step | None":
        """Return what has to be done with a page; None: nothing yet."""
        page = self._pages[name]
        age = now - page.written_at
        if status.state == "stopped":
            return self._make if page.shown is None or page.shown.state != "stopped" else None
        if age < LEAST_SECONDS:
            return None
        if page.shown != without_figures(status):
            return self._make
        if self._files.changed_ns(name) != page.changed_ns:
            return self._make  # somebody has removed a result, or the page itself
        return self._refresh if age >= KEEPALIVE_SECONDS else None

    def _make(
        self, name: str, status: Status, retention_days: float, language: LanguageSetting
    ) -> None:
        """Make a page anew and write it."""
        page = self._pages[name]
        standpoint = Standpoint(
            retention_days,
            lambda path: paths.exists(self._root / path),
            folder=name,
            heeds_requests=self.heeds_requests,
            option_line=self.option_lines.get(name, ""),
        )
        page.texts = self._renderer.pages(status, standpoint, language, self._marks)
        page.shown = without_figures(status)
        self._put(name, status.written)

    def _refresh(
        self, name: str, status: Status, _retention_days: float, _language: LanguageSetting
    ) -> None:
        """Write a page again with the present time."""
        self._put(name, status.written)

    def _put(self, name: str, written: float) -> None:
        values = {
            self._marks.minute: local_time(written),
            self._marks.second: exact_time(written),
            self._marks.stamp: str(written),
        }
        page = self._pages[name]
        page.faults = {}
        for file_name, text in page.texts.items():
            # A folder has the name of the page, or the outbox is gone: its people can mend that.
            try:
                self._files.write(name, file_name, _stamped(text, values))
            except (SpoolUnavailable, OSError) as error:
                page.faults[file_name] = error
        page.changed_ns = self._files.changed_ns(name)

    @property
    def faults(self) -> dict[str, Exception]:
        """Why files could not be written the last time, by their paths in the spool."""
        return {
            f"outbox/{name}/{file_name}": error
            for name, page in self._pages.items()
            for file_name, error in page.faults.items()
        }


_Step = Callable[[str, Status, float, LanguageSetting], None]


def _stamped(text: str, values: Mapping[str, str]) -> bytes:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text.encode("utf-8", "replace")
