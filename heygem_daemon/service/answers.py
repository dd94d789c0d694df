"""What became of the last requests: for the status, and for the log. No I/O but the log."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from heygem_daemon.events.requests import RequestAnswered
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.decisions import Answer
from heygem_daemon.service.notice_log import NoticeLog
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.request_log import RequestLog
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import user_name
from heygem_daemon.spool.requests import Request

SHOWN_SECONDS = 600.0
"""How long the status shows an answer."""

MAX_OF_OWNER = 10
"""How many answers of one owner the status shows: a flood hides nobody else's."""

MAX_ANSWERS = 50


@dataclass(frozen=True, slots=True)
class _Given:
    status: RequestStatus
    owner: Hashable
    is_refusal: bool
    given_at: float
    """Monotonic seconds."""


class Answers:
    """The last answers, a limited number of each owner."""

    def __init__(self) -> None:
        self._given: list[_Given] = []
        """The newest first."""
        self._log = NoticeLog()
        self.log = RequestLog()
        """The log for what requests cause."""

    def give(self, request: Request, answer: Answer, now: float, wall: float) -> None:
        """Record and log an answer at monotonic time ``now`` and UNIX time ``wall``. It is
        logged as long as there are few."""
        status = RequestStatus(
            name=request.shown,
            folder=printable(request.folder or ""),
            text=answer.text,
            at=wall,
        )
        self._given.insert(0, _Given(status, request.owner, answer.is_refusal, now))
        self.forget_old(now)
        if not answer.is_refusal:
            by = user_name(request.owner)
            self.log.log(RequestAnswered(request.shown, by, answer.text), by, now)

    def forget_old(self, now: float) -> None:
        """Forget what has been shown long enough, and log the new refusals."""
        count: Counter[Hashable] = Counter()
        kept = []
        for each in self._given:
            count[each.owner] += 1
            if now - each.given_at < SHOWN_SECONDS and count[each.owner] <= MAX_OF_OWNER:
                kept.append(each)
        self._given = kept[:MAX_ANSWERS]
        refusals = [each for each in self._given if each.is_refusal]
        self._log.log((InboxNotice(r.status.name, r.status.text, True) for r in refusals), now)

    @property
    def shown(self) -> tuple[RequestStatus, ...]:
        """The answers for the status, the newest first."""
        return tuple(each.status for each in self._given)
