"""The occasions that a target has not taken yet, kept in ``.state/notifications.json`` while there
are any: a restart of the daemon, a reload and a death of the process that delivers lose none."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from pydantic import RootModel

from heygem_daemon.events.notify import (
    NotificationsDropped,
    NotificationsGivenUp,
    NotificationsKept,
    NotificationsNotKept,
    NotificationsUnreadable,
)
from heygem_daemon.notify.kept_file import KeptFile
from heygem_daemon.notify.occasion import Delivery, Errand, Taken, most_dispensable
from heygem_daemon.system.untrusted import TextLimits

FILE = "notifications.json"
"""Its name in .state/."""

UNREADABLE = "notifications.unreadable.json"
"""The name that one gets which cannot be read."""

MAX_AGE_SECONDS = 86_400.0
"""What happened longer ago is news to nobody."""

MAX_PROCESSES = 20
"""An occasion whose delivery ends so many processes is given up: each of them may have delivered
it."""

MAX_KEPT = 500
"""How many occasions are kept; when there are more, ``most_dispensable`` says which goes."""

LIMITS = TextLimits(1 << 20)
"""Of the file. The newest that have room are kept."""

NO_SPOOL = "the spool is not open"


class KeptNotifications(RootModel[tuple[Errand, ...]]):
    """The content of the file, in the order of the occasions."""


class Undelivered:
    """The errands that are not done, in the order of the occasions. Safe in any thread, but the
    main one: the file may lie on a share that hangs."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock`` returns UNIX time."""
        self._clock = clock
        self._errands: dict[str, Errand] = {}
        self._has_dropped = False
        self._file: KeptFile | None = None
        self._lock = Lock()
        self._file_lock = Lock()

    def __len__(self) -> int:
        return len(self._errands)

    def open(self, folder: Path) -> None:
        """Take up what an earlier run has left in a folder, and keep there what waits. A folder
        that is open already is not read again."""
        with self._file_lock:
            if self._file is not None and self._file.path == folder / FILE:
                return
            self._file = _kept_file(folder / FILE)
            found = self._file.read(KeptNotifications, LIMITS)
        with self._lock:
            known, self._errands = self._errands, {}
            for errand in (*found, *known.values()):
                self._put(errand)

    def close(self) -> None:
        """Keep what waits for the next run, and forget it."""
        self.save()
        with self._file_lock:
            problem = NO_SPOOL if self._file is None else self._file.problem
            self._file = None
        with self._lock:
            count, self._errands = len(self._errands), {}
        if count:
            (NotificationsNotKept(problem) if problem else NotificationsKept(count)).log()

    def add(self, errand: Errand) -> None:
        """Keep an errand from now on."""
        with self._lock:
            self._put(errand)

    def take(self, taken: Taken) -> None:
        """Note which targets have to take it."""
        with self._lock:
            self._keep_for(taken.id, taken.targets)

    def settle(self, delivery: Delivery) -> None:
        """Note that a target took it, or never will."""
        with self._lock:
            errand = self._errands.get(delivery.id)
            if errand is not None and errand.targets is not None:
                left = tuple(name for name in errand.targets if name != delivery.target)
                self._keep_for(delivery.id, left)

    def errands(self) -> list[Errand]:
        """Return what waits, the oldest first, for one more process. What is too old, or what many
        processes were given in vain, is given up."""
        now = self._clock()
        with self._lock:
            waiting = list(self._errands.values())
            good = [
                each.model_copy(update={"processes": each.processes + 1})
                for each in waiting
                if abs(now - each.occasion.at) <= MAX_AGE_SECONDS and each.processes < MAX_PROCESSES
            ]
            self._errands = {each.occasion.id: each for each in good}
        if len(good) < len(waiting):
            NotificationsGivenUp(len(waiting) - len(good)).log()
        return good

    def save(self) -> None:
        """Write what waits. A failure is logged once for each reason."""
        with self._file_lock:
            if self._file is None:
                return
            with self._lock:
                waiting = list(self._errands.values())
            self._file.write(_text(waiting))

    def _put(self, errand: Errand) -> None:
        self._errands[errand.occasion.id] = errand
        is_full = len(self._errands) > MAX_KEPT
        if is_full:
            waiting = [each.occasion for each in self._errands.values()]
            del self._errands[most_dispensable(waiting).id]
        if is_full and not self._has_dropped:
            NotificationsDropped(MAX_KEPT).log()
        self._has_dropped = is_full

    def _keep_for(self, occasion_id: str, targets: tuple[str, ...]) -> None:
        """Note which targets have not taken an occasion that is known."""
        if (errand := self._errands.get(occasion_id)) is None:
            return
        if targets:
            self._errands[occasion_id] = errand.model_copy(update={"targets": targets})
        else:
            del self._errands[occasion_id]


def _kept_file(file: Path) -> KeptFile:
    return KeptFile(
        file,
        UNREADABLE,
        lambda reason: NotificationsUnreadable(str(file), UNREADABLE, reason).log(),
        lambda reason: NotificationsNotKept(reason).log(),
    )


def _text(waiting: list[Errand]) -> bytes:
    """Return the content of the file; empty: nothing waits."""
    lines = list(_newest_lines(waiting))
    return b"[\n" + b",\n".join(reversed(lines)) + b"\n]\n" if waiting else b""


def _newest_lines(waiting: list[Errand]) -> Iterator[bytes]:
    """Yield errands as JSON, the newest first, while the file has room."""
    size = len(b"[\n\n]\n")
    for errand in reversed(waiting):
        line = errand.to_line().rstrip()
        size += len(line) + len(b",\n")
        if size > LIMITS.max_bytes:
            return
        yield line
