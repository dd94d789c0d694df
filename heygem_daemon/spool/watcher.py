"""File system events that wake the scan loop early. The scan alone would find every file."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
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
from watchdog.observers.api import BaseObserver, ObservedWatch

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
        self._others: dict[str, ObservedWatch] = {}
        """The watches of the inboxes of hot folders, by path."""

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

    def follow(self, inboxes: Iterable[Path]) -> None:
        """Watch these folders too, the inboxes of hot folders, and none of those before. One that
        cannot be watched is polled."""
        wanted = {os.fspath(each) for each in inboxes}
        observer = self._observer
        if observer is None:
            return
        for path in self._others.keys() - wanted:
            with suppress(OSError, KeyError):
                observer.unschedule(self._others.pop(path))
        for path in wanted - self._others.keys():
            with suppress(OSError):
                waker = _Waker(self._wake)
                self._others[path] = observer.schedule(waker, path, event_filter=_EVENTS)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._observer is not None:
            self._stop(self._observer)
            self._observer = None
            self._others.clear()

    @property
    def is_watching(self) -> bool:
        """Whether events arrive. If not, only the caller's scans find new files."""
        return self._observer is not None and self._observer.is_alive()

    @staticmethod
    def _stop(observer: BaseObserver) -> None:
        observer.stop()
        if observer.is_alive():
            observer.join(timeout=5)


class OpenWatcher:
    """The watcher of the spool that is open, if one is."""

    def __init__(self) -> None:
        self._watcher: InboxWatcher | None = None

    @contextmanager
    def use(self, watcher: InboxWatcher) -> Iterator[None]:
        """Watch during the block."""
        with watcher:
            self._watcher = watcher
            try:
                yield
            finally:
                self._watcher = None

    def follow(self, inboxes: Iterable[Path]) -> None:
        """Watch these folders too, the inboxes of hot folders, and none of those before."""
        if self._watcher is not None:
            self._watcher.follow(inboxes)


class _Waker(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
        self._wake()
