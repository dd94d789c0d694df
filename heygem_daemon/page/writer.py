"""Writes ``status.html`` and ``status.txt`` into the root of the spool, for all of its people."""

import os
import time
from pathlib import Path

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.page.renderer import PageRenderer
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.report.status import DeviceStatus, DiskStatus, Status
from heygem_daemon.system import paths

LEAST_SECONDS, MOST_SECONDS = 2.0, 10.0
"""Least time between two writings; the longer one is for pages that take long to make."""

MAX_CPU_SHARE = 0.01
"""How much of a core the pages may take."""

KEEPALIVE_SECONDS = 15.0
"""An unchanged page is rewritten this often, so that its readers see that the daemon is alive."""


class PageWriter:
    """Writes the page where something has changed, and now and then where nothing has."""

    def __init__(self, root: Path, renderer: PageRenderer) -> None:
        """``root``: the spool."""
        self._root = root
        self._renderer = renderer
        self._last: Status | None = None
        self._written = float("-inf")
        self._pause = LEAST_SECONDS
        self.heeds_requests = True
        """Whether people can steer jobs by files in the inbox."""
        self.hot_folders: tuple[HotFolder, ...] = ()
        """The hot folders of now."""
        self.faults: dict[str, Exception] = {}
        """Why each of its files could not be written the last time, by its path in the spool."""

    def write(
        self,
        status: Status,
        retention_days: float,
        now: float,
        language: LanguageSetting = "both",
    ) -> None:
        """Write the page at monotonic time ``now`` if it is due. One of its files that cannot be
        written keeps none of the others away."""
        comparable = without_figures(status)
        has_ended = status.state == "stopped"
        pause = KEEPALIVE_SECONDS if comparable == self._last else self._pause
        if not has_ended and now - self._written < pause:
            return
        before = time.thread_time()
        self._last, self._written = comparable, now
        standpoint = Standpoint(
            retention_days,
            lambda path: os.path.lexists(self._root / path),
            heeds_requests=self.heeds_requests,
            hot_folders=self.hot_folders,
        )
        self.faults = {}
        for name, content in self._renderer.pages(status, standpoint, language).items():
            try:
                self._put(name, content.encode("utf-8", "replace"))
            except OSError as error:
                self.faults[name] = error
        cost = time.thread_time() - before
        self._pause = min(MOST_SECONDS, max(LEAST_SECONDS, cost / MAX_CPU_SHARE))

    def _put(self, name: str, content: bytes) -> None:
        paths.write(
            self._root / name,
            content,
            temporary_name=f".{name}.tmp",
            durable=False,
            mode=0o644,  # nobody but the daemon tells people what is true
        )


def without_figures(status: Status) -> Status:
    """Return what of a status is a reason to write a page anew: the time and the readings of disk
    and devices always change."""
    devices = tuple(
        DeviceStatus(name=each.name, label=each.label, jobs=each.jobs, fault=each.fault)
        for each in status.devices
    )
    return status.model_copy(update={"written": 0.0, "devices": devices, "disk": DiskStatus()})
