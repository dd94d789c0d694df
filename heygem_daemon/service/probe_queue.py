"""Files that wait for a child process which looks at them, in fair turns. No I/O.

Whoever drops a thousand files waits for the answers about them; others do not. Owners take turns,
and the last free place goes to an owner who has no child process yet, so that files which take long
to look at do not block everybody else's. A few more places are for such owners alone, since several
people may drop such files. Within a line those go first that somebody has hurried, then those that
a job waits for. A hurried one passes other owners once, as a hurried job does.
"""

from collections import Counter
from collections.abc import Collection, Container, Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain, islice
from pathlib import Path
from typing import Generic, TypeVar

from heygem_daemon.service.turns import Arrival, FairnessKey, TurnHistory, owner_name

MAX_WAITING = 1000
"""How many requests wait at each place of one line. The next scan of the inbox repeats the
others."""

MAX_KEPT = 1000
"""How many answers are kept of one owner. Beyond that the oldest are dropped."""

MORE_PLACES = 6
"""How many places there are besides for owners who have no child process."""

R = TypeVar("R", bound=Hashable)
A = TypeVar("A")


class Place(IntEnum):
    """Where in its line a request waits."""

    HURRIED = 0
    """Somebody asked that it goes first."""

    WANTED = 1
    """A job waits for it."""

    REST = 2


@dataclass(frozen=True, slots=True)
class _LineHead:
    """The first request of a line, for the turns."""

    key: FairnessKey
    arrival: Arrival
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ProbeTurn(Generic[R]):
    """What the next child process gets."""

    key: FairnessKey
    """The line whose turn it is."""

    requests: tuple[R, ...]
    """At least one."""


@dataclass(slots=True)
class _Line(Generic[R]):
    """The requests of one line, each with its arrival."""

    parts: tuple[dict[R, Arrival], ...] = field(default_factory=lambda: ({}, {}, {}))
    """By their place in the line."""

    def head(self, key: FairnessKey) -> _LineHead:
        """Return the request that is taken next. ``key``: that of the line."""
        place, part = next(each for each in enumerate(self.parts) if each[1])
        return _LineHead(key, next(iter(part.values())), int(place == Place.HURRIED))

    def has(self, request: R, place: Place) -> bool:
        """Return whether a request waits at this place or before it."""
        return any(request in part for part in self.parts[: place + 1])

    def take(self, most: int) -> tuple[R, ...]:
        """Remove and return at most ``most`` requests."""
        taken = tuple(islice(chain(*self.parts), most))
        for request in taken:
            self.discard(request)
        return taken

    def discard(self, request: R) -> None:
        """Remove a request, if it waits."""
        for part in self.parts:
            part.pop(request, None)


class ProbeQueue(Generic[R]):
    """The requests that wait for a child process. ``places``: how many may run at once, but for
    those of owners who have none yet."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lines: dict[FairnessKey, _Line[R]] = {}
        self._lines_of: Counter[str] = Counter()
        """How many lines each owner has."""
        self._history = TurnHistory()
        self._count = 0

    def has(self, request: R, key: FairnessKey, place: Place) -> bool:
        """Return whether a request waits at this place of its line, or before it."""
        line = self._lines.get(key)
        return line is not None and line.has(request, place)

    def add(self, request: R, key: FairnessKey, place: Place = Place.REST) -> None:
        """Add a request to its line. One that waits already keeps its place, unless it moves
        forward. Does nothing if that part of the line is full."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line()
            self._lines_of[key.owner] += 1
            self._history.record_arrival(key)
        part = line.parts[place]
        if len(part) < MAX_WAITING and not line.has(request, place):
            self._count += 1
            line.discard(request)
            part[request] = (0, self._count, "")

    def take(self, running: Collection[FairnessKey], most: int = 1) -> ProbeTurn[R] | None:
        """Remove and return what the next child process gets, at most ``most`` requests; None where
        there is no place for one. ``running``: the lines of the processes that run."""
        if len(running) >= self._places + MORE_PLACES:
            return None
        is_last_place = len(running) >= self._places - 1
        served = {each.owner for each in running} if is_last_place else set()
        if self._lines_of.keys() <= served:
            return None
        heads = [line.head(key) for key, line in self._lines.items() if key.owner not in served]
        chosen = self._history.choose(heads)
        self._history.record_start(chosen, heads)
        line = self._lines[chosen.key]
        taken = line.take(most)
        if not any(line.parts):
            self._forget(chosen.key)
        return ProbeTurn(chosen.key, taken)

    def _forget(self, key: FairnessKey) -> None:
        del self._lines[key]
        self._history.forget_batch(key)
        self._lines_of[key.owner] -= 1
        if not self._lines_of[key.owner]:
            del self._lines_of[key.owner]


class KeptAnswers(Generic[R, A]):
    """Answers until they are asked for. No owner's answers push out those of another."""

    def __init__(self) -> None:
        self._of: dict[str, dict[R, A]] = {}

    def put(self, request: R, owner: str, answer: A) -> None:
        """Keep an answer."""
        answers = self._of.setdefault(owner, {})
        answers[request] = answer
        if len(answers) > MAX_KEPT:
            del answers[next(iter(answers))]

    def pop(self, request: R, owner: str) -> A | None:
        """Return an answer, and forget it; None if there is none."""
        return self._of.get(owner, {}).pop(request, None)


def line_of(
    file: Path, uid: int, inbox: Path | None, hot_folders: Container[str] = ()
) -> FairnessKey:
    """Return the line in which a file of user ``uid`` waits: that of its owner's single jobs, or
    one of its own for each folder in ``inbox``. What is in one of the ``hot_folders`` of the inbox
    is the folder's."""
    if inbox is None or file.parent == inbox or not file.is_relative_to(inbox):
        return FairnessKey(owner_name(uid))
    folder, *below = file.relative_to(inbox).parts[:-1]
    if folder not in hot_folders:
        return FairnessKey(owner_name(uid), f"inbox/{folder}")
    batch = f"inbox/{folder}/{below[0]}" if below else None
    return FairnessKey(owner_name(uid, folder), batch)
