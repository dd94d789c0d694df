"""Files that wait for a child process which looks at them, in fair turns. No I/O.

Whoever drops a thousand files waits for the answers about them; others do not. Owners take turns,
and the last free place goes to an owner who has no child process yet, so that files which take long
to look at do not block everybody else's.
"""

from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from heygem_daemon.service.turns import Arrival, FairnessKey, TurnHistory, owner_name

MAX_WAITING = 1000
"""How many requests of one line wait. The next scan of the inbox repeats the others."""

MAX_KEPT = 1000
"""How many answers are kept of one owner. Beyond that the oldest are dropped."""

R = TypeVar("R", bound=Hashable)
A = TypeVar("A")


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


class ProbeQueue(Generic[R]):
    """The requests that wait for a child process. ``places``: how many may run at once."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lines: dict[FairnessKey, dict[R, Arrival]] = {}
        self._lines_of: Counter[str] = Counter()
        """How many lines each owner has."""
        self._history = TurnHistory()
        self._count = 0
        self._waiting: set[R] = set()

    def __contains__(self, request: R) -> bool:
        return request in self._waiting

    def add(self, request: R, key: FairnessKey) -> None:
        """Add a request to its line. Does nothing if it waits already, or the line is full."""
        if key not in self._lines:
            self._lines[key] = {}
            self._lines_of[key.owner] += 1
            self._history.record_arrival(key)
        line = self._lines[key]
        if request not in line and len(line) < MAX_WAITING:
            self._count += 1
            line[request] = (0, self._count, "")
            self._waiting.add(request)

    def take(self, running: Collection[FairnessKey], most: int = 1) -> ProbeTurn[R] | None:
        """Remove and return what the next child process gets, at most ``most`` requests; None where
        there is no place for one. ``running``: the lines of the processes that run."""
        if len(running) >= self._places:
            return None
        is_last_place = len(running) == self._places - 1
        served = {each.owner for each in running} if is_last_place else set()
        if self._lines_of.keys() <= served:
            return None
        heads = [
            _LineHead(key, next(iter(line.values())))
            for key, line in self._lines.items()
            if key.owner not in served
        ]
        chosen = self._history.choose(heads)
        self._history.record_start(chosen, heads)
        line = self._lines[chosen.key]
        taken = tuple(line)[:most]
        for request in taken:
            del line[request]
        self._waiting.difference_update(taken)
        if not line:
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


def line_of(file: Path, uid: int, inbox: Path | None) -> FairnessKey:
    """Return the line in which a file of user ``uid`` waits: that of its owner's single jobs, or
    one of its own for each folder in ``inbox``."""
    batch = None if inbox in (None, file.parent) else f"inbox/{file.parent.name}"
    return FairnessKey(owner_name(uid), batch)
