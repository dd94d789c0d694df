"""Events that wake the scan loop earlier. Never needed for correctness: a scan finds all."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from heygem_daemon.spool.mounts import MountInfo


class Watcher:
    """Calls ``wake()`` (from a thread of its own) soon after something changed in ``inbox``.

    On a network mount, or without inotify watches left, nothing is watched: the caller's regular
    scan is the polling. ``notice(text)`` is called once in that case, with the reason.
    """

    def __init__(
        self,
        inbox: Path,
        mount: MountInfo,
        wake: Callable[[], None],
        notice: Callable[[str], None] = lambda _text: None,
    ) -> None:
        raise NotImplementedError

    def __enter__(self) -> "Watcher":
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError
