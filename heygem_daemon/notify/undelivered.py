"""The occasions that a target still has to be told of, kept in ``.state/notifications.json`` while
there are any: a restart of the daemon, a reload and a death of the process that delivers lose none.

A file that cannot be read, or not written, costs no more than what is in it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
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
from heygem_daemon.notify.occasion import Delivery, Errand, Taken, most_dispensable
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model, read_text

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
        self._file: Path | None = None
        self._told = ""
        """Why nothing could be written, as it was last logged."""
        self._lock = Lock()
        self._file_lock = Lock()

    def __len__(self) -> int:
        return len(self._errands)

    def open(self, folder: Path) -> None:
        """Take up what an earlier run has left in a folder, and keep there what waits. A folder
        that is open already is not read again."""
        with self._file_lock:
            if self._file == folder / FILE:
                return
            self._file = folder / FILE
            found = self._read(self._file)
        with self._lock:
            known, self._errands = self._errands, {}
            for errand in (*found, *known.values()):
                self._put(errand)

    def close(self) -> None:
        """Keep what waits for the next run, and forget it."""
        self.save()
        with self._file_lock:
            is_open, self._file = self._file is not None, None
        with self._lock:
            count, self._errands = len(self._errands), {}
        if count and is_open and not self._told:
            NotificationsKept(count).log()
        elif count:
            NotificationsNotKept(self._told or NO_SPOOL).log()

    def add(self, errand: Errand) -> None:
        """Keep an errand from now on."""
        with self._lock:
            self._put(errand)

    def take(self, taken: Taken) -> None:
        """Note which targets have to be told."""
        with self._lock:
            self._keep_for(taken.id, taken.targets)

    def settle(self, delivery: Delivery) -> None:
        """Note that a target was told, or never will be."""
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
            try:
                _write(self._file, waiting)
            except OSError as error:
                problem = error.strerror or str(error)
                if problem != self._told:
                    NotificationsNotKept(problem).log()
                self._told = problem
            else:
                self._told = ""

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
        """Note who is still to be told of an occasion that is known."""
        if (errand := self._errands.get(occasion_id)) is None:
            return
        if targets:
            self._errands[occasion_id] = errand.model_copy(update={"targets": targets})
        else:
            del self._errands[occasion_id]

    def _read(self, file: Path) -> list[Errand]:
        try:
            return list(parse_model(KeptNotifications, read_text(file, LIMITS), LIMITS).root)
        except FileNotFoundError:
            return []
        except (UnreadableText, OSError) as error:
            NotificationsUnreadable(str(file), UNREADABLE, str(error)).log()
            with suppress(OSError):
                paths.replace(file, file.with_name(UNREADABLE))
            return []


def _write(file: Path, waiting: list[Errand]) -> None:
    """Raises OSError."""
    if not waiting:
        with suppress(FileNotFoundError):
            paths.remove_file(file)
        return
    text = b"[\n" + b",\n".join(reversed(list(_newest_lines(waiting)))) + b"\n]\n"
    paths.write(file, text, temporary_name=f".{file.name}.part", durable=True, mode=0o600)


def _newest_lines(waiting: list[Errand]) -> Iterator[bytes]:
    """Yield errands as JSON, the newest first, while the file has room."""
    size = len(b"[\n\n]\n")
    for errand in reversed(waiting):
        line = errand.to_line().rstrip()
        size += len(line) + len(b",\n")
        if size > LIMITS.max_bytes:
            return
        yield line
