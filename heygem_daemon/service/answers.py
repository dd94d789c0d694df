"""What became of the last requests: for the status, and for the log. No I/O but the log."""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from heygem_daemon.events.requests import RequestAnswered
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.decisions import Answer
from heygem_daemon.service.notice_log import NoticeLog
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.owner_log import REQUEST_LINES, OwnerLog
from heygem_daemon.spool.answer_file import KeptAnswer
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import person_name, user_name
from heygem_daemon.spool.requests import Request, in_turns

SHOWN_SECONDS = 600.0
"""How long the status shows an answer."""

MAX_SHOWN = 50
"""How many requests the status lists, and how many answers of one line are kept."""

MAX_LOGGED = 10
"""How many of the last refusals of one line are logged."""

KEPT = {"name", "folder", "text", "at", "dropped_by"}
"""What the next run has to know of an answer."""


@dataclass(frozen=True, slots=True)
class _Given:
    request: Request | None
    """None: an earlier run of the daemon answered it."""
    status: RequestStatus
    is_refusal: bool
    given_at: float
    """Monotonic seconds."""


class Answers:
    """The last answers of each line: of those who dropped their requests in one hot folder, or of
    one owner elsewhere. No line's answers push out those of another."""

    def __init__(self) -> None:
        self._given: dict[Hashable, deque[_Given]] = {}
        """The newest first."""
        self._log = NoticeLog()
        self.log = OwnerLog(REQUEST_LINES)
        """The log for what requests cause."""

    def give(self, request: Request, answer: Answer, now: float, wall: float) -> None:
        """Record and log an answer at monotonic time ``now`` and UNIX time ``wall``, in the place
        of an earlier one to the same request. It is logged as long as there are few."""
        status = RequestStatus(
            name=request.shown,
            folder=printable(request.folder or ""),
            text=answer.text,
            at=wall,
            dropped_by=person_name(request.owner),
        )
        others = (e for e in self._given.get(request.line, ()) if e.request != request)
        given = _Given(request, status, answer.is_refusal, now)
        self._given[request.line] = deque([given, *others][:MAX_SHOWN])
        self.forget_old(now)
        if not answer.is_refusal:
            by = user_name(request.owner)
            self.log.log(RequestAnswered(request.shown, by, answer.text), by, now)

    def has_any(self, request: Request, since: float) -> bool:
        """Return whether a request was answered since that UNIX time, also by an earlier run."""
        given = (each.status for each in self._given.get(request.line, ()))
        return any(each.name == request.shown and each.at >= since for each in given)

    def recall(self, kept: Iterable[KeptAnswer], now: float, wall: float) -> None:
        """Show what an earlier run has answered, the newest first, for as long as is left of its
        time at monotonic time ``now`` and UNIX time ``wall``. It was logged then."""
        for each in kept:
            status = RequestStatus(**each.model_dump(include=KEPT))
            line = self._given.setdefault(each.line, deque(maxlen=MAX_SHOWN))
            if all(status != given.status for given in line):
                age = max(0.0, wall - each.at)
                line.append(_Given(None, status, is_refusal=False, given_at=now - age))
        self.forget_old(now)

    def kept(self) -> tuple[KeptAnswer, ...]:
        """Return what the next run has to show, of each line in turn the newest."""
        entries = [
            (line, each.status)
            for line, given in self._given.items()
            for each in given
            if isinstance(line, str | int)
        ]
        entries.sort(key=lambda each: -each[1].at)
        chosen = in_turns(entries, lambda each: each[0], MAX_SHOWN)
        chosen.sort(key=lambda each: -each[1].at)
        return tuple(KeptAnswer(line=line, **e.model_dump(include=KEPT)) for line, e in chosen)

    def forget_old(self, now: float) -> None:
        """Forget what has been shown long enough, and log the new refusals."""
        for line, given in list(self._given.items()):
            while given and now - given[-1].given_at >= SHOWN_SECONDS:
                given.pop()
            if not given:
                del self._given[line]
        refusals = chain.from_iterable(map(_refusals, self._given.values()))
        self._log.log((InboxNotice(r.name, r.text, True) for r in refusals), now)

    def shown(self, waiting: Iterable[tuple[Hashable, RequestStatus]]) -> tuple[RequestStatus, ...]:
        """Return what the status lists, of each line in turn the newest: what waits, and then the
        answers that say more. ``waiting``: the requests that wait, each with its line."""
        entries = [_Entry(line, status, is_open=True) for line, status in waiting]
        said = {(each.line, each.status.name, each.status.text) for each in entries}
        for line, given in self._given.items():
            new = (e.status for e in given if (line, e.status.name, e.status.text) not in said)
            entries += [_Entry(line, status) for status in new]
        entries.sort(key=lambda each: -each.status.at)
        chosen = in_turns(entries, lambda each: each.line, MAX_SHOWN)
        chosen.sort(key=lambda each: (not each.is_open, -each.status.at))
        return tuple(each.status for each in chosen)


@dataclass(frozen=True, slots=True)
class _Entry:
    line: Hashable
    status: RequestStatus
    is_open: bool = False


def _refusals(given: Iterable[_Given]) -> Iterator[RequestStatus]:
    """Yield the refusals among the last answers of a line."""
    return (each.status for each in islice(given, MAX_LOGGED) if each.is_refusal)
