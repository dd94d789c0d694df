"""Writes the pages for people without a login: the one of all, and that of each hot folder."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from heygem_daemon.config.folders import hot_folders
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.folder_statuses import Everything, folder_statuses
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.spool.spool import Spool

if TYPE_CHECKING:
    from heygem_daemon.page.folder_pages import FolderPageWriter
    from heygem_daemon.page.writer import PageWriter


class Pages:
    """The pages of one spool. A fault here is no reason to hold anything."""

    def __init__(self, spool: Spool, dependencies: Dependencies) -> None:
        self._spool = spool
        self._clock = dependencies.clock
        self._faults = dependencies.faults
        self._writers: tuple[PageWriter, FolderPageWriter] | None = None
        """None until something is written for the first time."""
        self._cleared_for: Settings | None = None
        """The settings since which no page lies where there is to be none."""

    def write(self, everything: Everything, settings: Settings) -> None:
        """Write the pages that are due, and remove those that the settings do not want any more."""
        if not self._spool.is_mounted():
            return
        if settings is not self._cleared_for:
            self._try("old pages", partial(self._clear, settings))
        if settings.status_page:
            self._try("status.html", partial(self._write_plain, everything, settings))
            self._try("pages of hot folders", partial(self._write_folders, everything, settings))

    @property
    def faults(self) -> dict[str, Exception]:
        """Why pages could not be written the last time, by their paths in the spool."""
        if self._writers is None:
            return {}
        plain, folders = self._writers
        return plain.faults | folders.faults

    def _write_plain(self, everything: Everything, settings: Settings) -> None:
        writer, _ = self._open()
        writer.heeds_requests = settings.share_requests
        writer.hot_folders = hot_folders(settings.folders)
        now, days = self._clock.monotonic(), settings.retention_days
        writer.write(everything.status, days, now, settings.language)

    def _write_folders(self, everything: Everything, settings: Settings) -> None:
        _, writer = self._open()
        writer.heeds_requests = settings.share_requests
        writer.option_lines = {e.name: e.option_line for e in hot_folders(settings.folders)}
        now, days = self._clock.monotonic(), settings.retention_days
        statuses = folder_statuses(everything, settings.folders)
        writer.write(statuses, days, now, settings.language)

    def _clear(self, settings: Settings) -> None:
        """Remove the pages of hot folders that are gone, or all: they would say for ever that no
        daemon is running."""
        wanted = set(settings.folders) if settings.status_page else set()
        for name in self._spool.folder_pages.folders() - wanted:
            self._try(f"the page of {name}", partial(self._spool.folder_pages.remove, name))
        if not settings.status_page:
            self._spool.folder_pages.remove_plain()
        if self._writers is not None:
            self._writers[1].forget()
        self._cleared_for = settings

    def _open(self) -> "tuple[PageWriter, FolderPageWriter]":
        if self._writers is None:
            # Loaded here, since commands that write no page load this module too.
            from heygem_daemon.page.folder_pages import FolderPageWriter  # noqa: PLC0415
            from heygem_daemon.page.renderer import PageRenderer  # noqa: PLC0415
            from heygem_daemon.page.writer import PageWriter  # noqa: PLC0415

            renderer, spool = PageRenderer(), self._spool
            self._writers = (
                PageWriter(spool.root, renderer),
                FolderPageWriter(spool.root, spool.folder_pages, renderer),
            )
        return self._writers

    def _try(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except (SpoolUnavailable, OSError):
            return
        except Exception as error:  # noqa: BLE001 - concerns these files alone
            self._faults.log(what, error)
