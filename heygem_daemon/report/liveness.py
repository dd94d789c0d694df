"""Whether the daemon of a spool works, and if not, in which of three ways. Pure."""

from dataclasses import dataclass
from typing import Literal

from heygem_daemon.durations import roughly
from heygem_daemon.report.status import FRESH_SECONDS, Status
from heygem_daemon.system.processes import ProcessState

DaemonCondition = Literal["works", "starting", "stopped", "hung", "blocked"]
"""works: it reports; starting: it has not reported yet; stopped: no process is there; hung: its
process reports nothing and waits for no disk; blocked: its disk or share keeps it from reporting.
"""

CLOCK_TOLERANCE_SECONDS = 2.0
"""A process may seem to have started so much later than it did: the time of the machine's start is
known to the second, and NTP corrects the clock."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be found out about a daemon from outside."""

    status: Status | None
    """The status that was written last; None: there is none."""

    holder: int | None
    """The id of the process that has the spool's lock, 0 where it is not known; None: none has."""

    process: ProcessState | None
    """The daemon's process; None: it has ended, or cannot be seen from here."""

    sees_locks: bool
    """Whether the locks of other machines can be seen: not on a network mount."""

    spool_fault: str | None
    """Why nothing can be written into the spool, as 'its disk is mounted read-only'; None: nothing
    is known."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """Whether the daemon of a spool works."""

    condition: DaemonCondition

    sentence: str
    """Why, and what to do; empty: it works."""

    @property
    def is_at_work(self) -> bool:
        """Whether jobs are taken care of."""
        return self.condition in ("works", "starting")


WORKS = Liveness("works", "")

_WAITS: dict[DaemonCondition, str] = {
    "works": "a daemon works on this spool",
    "starting": "the daemon of this spool is starting; the {what} waits for it",
    "stopped": "no daemon is running on this spool; the {what} waits for one",
    "hung": "the daemon of this spool hangs; the {what} waits for it",
    "blocked": "the daemon of this spool is blocked; the {what} waits for it",
}


def describe_wait(condition: DaemonCondition, what: str) -> str:
    """Return why ``what``, as 'pair', waits in the inbox."""
    return _WAITS[condition].format(what=what)


def is_of(process: ProcessState, status: Status) -> bool:
    """Return whether a process can be the one that wrote a status. A later one only has its id."""
    return process.started <= status.written + CLOCK_TOLERANCE_SECONDS


def judge(evidence: Evidence, now: float) -> Liveness:
    """Return whether the daemon works at UNIX time ``now``."""
    status = evidence.status
    has_lock = evidence.holder is not None
    has_ended = status is None or status.state == "stopped"
    is_alive = has_lock or (evidence.process is not None and not has_ended)
    if status is not None and status.is_fresh(now) and (is_alive or not evidence.sees_locks):
        return WORKS
    if not is_alive:
        return Liveness("stopped", _describe_end(status, evidence.sees_locks, now))
    process = evidence.process
    if process is not None and now - process.started < FRESH_SECONDS:
        return Liveness("starting", "It has been started and has not reported yet.")
    return _judge_silent(evidence, now)


def _judge_silent(evidence: Evidence, now: float) -> Liveness:
    """Return why a daemon reports nothing whose process is there."""
    process, status = evidence.process, evidence.status
    who = f"Its process {process.pid}" if process else "Its process, which is not seen from here,"
    reported = status is not None and status.state != "stopped"
    since = f"for {roughly(now - status.written)}" if status and reported else "since its start"
    silent = f"{who} has reported nothing {since}"
    if process is not None and process.activity == "is suspended":
        remedy = f"`kill -CONT {process.pid}` lets it go on."
        return Liveness("hung", f"{silent}: somebody has suspended it. {remedy}")
    if process is not None and process.activity == "waits for a disk":
        return Liveness(
            "blocked",
            f"{silent}: it waits for a disk or share that does not answer. It goes on as soon as"
            " that answers; until then it cannot even be ended.",
        )
    if evidence.spool_fault is not None:
        return Liveness(
            "blocked", f"{silent}: it cannot write into the spool, because {evidence.spool_fault}."
        )
    return Liveness(
        "hung",
        f"{silent}. If systemd's watchdog does not end it within two minutes, restart it:"
        " `systemctl restart heygem-daemon`. Its jobs go on after their last finished chunks.",
    )


def _describe_end(status: Status | None, sees_locks: bool, now: float) -> str:
    start = "Start it: `systemctl start heygem-daemon`."
    elsewhere = "" if sees_locks else " Whether one runs on another machine is not seen from here."
    if status is None:
        return f"None has worked on it yet.{elsewhere} {start}"
    ago = f"{roughly(now - status.written)} ago"
    if status.state == "stopped":
        return f"The last one stopped {ago}.{elsewhere} {start}"
    return f"The last one reported {ago} and then ended without a word.{elsewhere} {start}"
