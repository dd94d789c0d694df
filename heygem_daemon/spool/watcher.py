"""File system events that wake the scan loop early. The scan alone would find every file."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from heygem_daemon.spool.mounts import MountInfo
from heygem_daemon.spool.names import printable

# Not the opening of a file: the daemon opens files itself, and would wake its own loop. Not every
# write either: a file that is still being written needs no early scan.
_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
_REMEDIES = {
    errno.ENOSPC: "raise fs.inotify.max_user_watches",
    errno.EMFILE: "raise fs.inotify.max_user_instances",
}


class InboxWatcher:
    """Calls ``wake()`` from its own thread soon after a change in ``inbox``.

    On a network mount, or when inotify watches are used up, nothing is watched, and the caller's
    regular scans poll the inbox. ``on_polling(text)`` is then called once with the reason.
    """

    def __init__(
        self,
        inbox: Path,
        mount: MountInfo,
        wake: Callable[[], None],
        on_polling: Callable[[str], None] = lambda _text: None,
        observer: Callable[[], BaseObserver] = Observer,
    ) -> None:
        self._inbox = inbox
        self._mount = mount
        self._wake = wake
        self._on_polling = on_polling
        self._new_observer = observer
        self._observer: BaseObserver | None = None

    def __enter__(self) -> "InboxWatcher":
        if self._mount.is_network:
            self._on_polling(
                f"{printable(str(self._inbox))}: on a network mount ({self._mount.type}), where "
                "changes by other machines raise no events; it is polled."
            )
            return self
        observer = self._new_observer()
        try:
            observer.schedule(_Waker(self._wake), os.fspath(self._inbox), event_filter=_EVENTS)
            observer.start()
        except OSError as error:
            self._stop(observer)
            remedy = _REMEDIES.get(error.errno or 0)
            self._on_polling(
                f"{printable(str(self._inbox))}: cannot be watched ({error.strerror}); it is polled"
                + (f"; to change that, {remedy}." if remedy else ".")
            )
        else:
            self._observer = observer
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._observer is not None:
            self._stop(self._observer)
            self._observer = None

    @property
    def is_watching(self) -> bool:
        """Whether events arrive. If not, only the caller's scans find new files."""
        return self._observer is not None and self._observer.is_alive()

    @staticmethod
    def _stop(observer: BaseObserver) -> None:
        observer.stop()
        if observer.is_alive():
            observer.join(timeout=5)


class _Waker(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
        self._wake()
