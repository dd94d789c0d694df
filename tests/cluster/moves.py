"""How long the jobs of a dead node took to start elsewhere, as the daemon's log says. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

STARTED = re.compile(
    r"^(\S+ \S+) .*job started on ([^\n]*), attempt .*\bid=(\S+) event=job_started", re.MULTILINE
)
WAITS = re.compile(r"^(\S+ \S+) .*\bid=(\S+) event=job_waits", re.MULTILINE)
PUBLISHED = re.compile(r"^(\S+ \S+) .*\bid=(\S+) event=job_published", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Death:
    """Something that was killed, paused or cut off."""

    at: datetime
    node: str

    def hits(self, device: str) -> bool:
        return f"(node {self.node})" in device


@dataclass(frozen=True, slots=True)
class Move:
    """A job that started elsewhere after a death."""

    seconds: float
    is_again: bool = False
    """Whether it had lost a node before, and waited on purpose."""
    is_amid_restart: bool = False
    """Whether the daemon, or the head of Ray and so all nodes, was killed meanwhile."""

    @property
    def kind(self) -> str:
        """What made it take long, if anything did."""
        if self.is_amid_restart:
            return "beside a restart of daemon or head"
        return "after another loss" if self.is_again else "after one loss"


def find_moves(log: str, deaths: Sequence[Death], restarts: Sequence[datetime] = ()) -> list[Move]:
    """Return the moves of all jobs. ``restarts``: of the daemon, and of the head of Ray, which
    takes all nodes along."""
    published = {job: datetime.fromisoformat(at) for at, job in PUBLISHED.findall(log)}
    waits = [(job, datetime.fromisoformat(at)) for at, job in WAITS.findall(log)]
    starts: dict[str, list[tuple[datetime, str]]] = {}
    for at, device, job in STARTED.findall(log):
        starts.setdefault(job, []).append((datetime.fromisoformat(at), device))
    moves = []
    for job, own in starts.items():
        times = [*(at for at, _ in own[1:]), published.get(job)]
        for (began, device), ended in zip(own, times, strict=True):
            if ended is None:
                continue
            hits = [each.at for each in deaths if began < each.at < ended and each.hits(device)]
            if not hits or ended == times[-1]:
                continue
            is_again = any(each == job and began < at < ended for each, at in waits)
            is_amid_restart = any(hits[0] <= each <= ended for each in restarts)
            moves.append(Move((ended - hits[0]).total_seconds(), is_again, is_amid_restart))
    return moves
