"""Whether a daemon works, is stopped, hangs or is blocked."""

from dataclasses import replace

import pytest

from heygem_daemon.report.liveness import Evidence, judge
from heygem_daemon.report.status import DaemonState, Status
from heygem_daemon.system.processes import ProcessState

NOW = 1_000_000.0
OLD = ProcessState(7, "runs", NOW - 3600)


def status(age: float, state: DaemonState = "idle") -> Status:
    return Status(
        version="1", pid=7, state=state, started=NOW - 3600, written=NOW - age, spool="/spool",
        engine="auto", device="auto",
    )  # fmt: skip


RUNNING = Evidence(status(3), holder=7, process=OLD, sees_locks=True, spool_fault=None)
SILENT = replace(RUNNING, status=status(40))
GONE = replace(SILENT, holder=None, process=None)

CASES = {
    "it reports": (RUNNING, "works", ""),
    "in another container": (replace(RUNNING, process=None, holder=0), "works", ""),
    "without its lock": (replace(RUNNING, holder=None), "works", ""),
    "on a network mount": (replace(GONE, status=status(3), sees_locks=False), "works", ""),
    "none ever": (replace(GONE, status=None), "stopped", "None has worked on it yet"),
    "stopped": (replace(GONE, status=status(600, "stopped")), "stopped", "stopped 10 min ago"),
    "stopped just now": (replace(GONE, status=status(1, "stopped"), process=OLD), "stopped", "1 s"),
    "killed just now": (replace(GONE, status=status(1)), "stopped", "1 s ago and then ended"),
    "killed": (GONE, "stopped", "ended without a word"),
    "elsewhere": (replace(GONE, sees_locks=False), "stopped", "another machine is not seen"),
    "starting": (
        replace(SILENT, status=status(900), process=replace(OLD, pid=8, started=NOW - 3)),
        "starting", "has been started",
    ),
    "hung": (SILENT, "hung", "process 7 has reported nothing for 40 s. If systemd"),
    "hung at its start": (replace(SILENT, status=None), "hung", "nothing since its start"),
    "hung after another": (replace(SILENT, status=status(900, "stopped")), "hung", "since its"),
    "hung, lost its lock": (replace(SILENT, holder=None), "hung", "for 40 s"),
    "hung, unseen": (replace(SILENT, holder=0, process=None), "hung", "is not seen from here"),
    "suspended": (
        replace(SILENT, process=replace(OLD, activity="is suspended")), "hung", "-CONT 7",
    ),
    "waits": (
        replace(SILENT, process=replace(OLD, activity="waits for a disk")), "blocked", "answer",
    ),
    "read-only": (replace(SILENT, spool_fault="it is full"), "blocked", "because it is full"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_condition_follows_from_what_is_seen(case: str) -> None:
    evidence, condition, words = CASES[case]
    found = judge(evidence, NOW)
    assert found.condition == condition
    assert words in found.sentence
    assert bool(found.sentence) == (condition != "works")
    assert found.is_at_work == (condition in ("works", "starting"))
