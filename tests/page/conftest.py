"""Statuses for the page."""

from collections.abc import Callable

import pytest

from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.report.backlog import Backlog
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.status import DeviceStatus, DiskStatus, InboxStatus, JobStatus, Status

NOW = 1_800_000_000.0
ATTACK = """<img src=x onerror=document.title='attacked'>"'&</script><script>alert(1)</script>"""
KEPT, FOR_EVER = Standpoint(7.0), Standpoint(0.0)
"""For people of the share, where things are kept for a week, or for ever."""
MakeStatus = Callable[..., Status]


@pytest.fixture
def make_status() -> MakeStatus:
    def make(**fields: object) -> Status:
        values: dict[str, object] = {
            "version": "0.1.0",
            "pid": 1,
            "state": "idle",
            "started": NOW,
            "written": NOW,
            "spool": "/spool",
            "engine": "auto",
            "device": "auto",
            "disk": DiskStatus(free_bytes=5 * 10**9),
            "devices": (DeviceStatus(name="CPU", label="CPU"),),
        }
        return Status.model_validate(values | fields)

    return make


def published(name: str, number: int = 0, folder: str = "outbox") -> FinishedJob:
    return FinishedJob(
        id=f"{number}",
        name=name,
        outcome="published",
        output=name,
        path=f"{folder}/{name}.mp4",
        finished=NOW - 60 * number,
        seconds=30,
    )


def failed(name: str, reason: str) -> FinishedJob:
    return FinishedJob(
        id="f",
        name=name,
        outcome="failed",
        output=name,
        path=f"failed/{name}",
        finished=NOW,
        seconds=3,
        reason=reason,
    )


@pytest.fixture
def busy(make_status: MakeStatus) -> Status:
    """Something of everything, with names that attack the page."""
    return make_status(
        state="working",
        jobs=(
            JobStatus(
                id="1",
                name=f"talk {ATTACK}",
                state="running",
                stage="render",
                percent=42,
                left_seconds=187,
                fps=28.1,
                device="CPU",
            ),
            JobStatus(id="2", name="新品发布", state="queued", reason="waits for its turn"),
        ),
        inbox=(
            InboxStatus(
                name=f"lone {ATTACK}.wav",
                reason="has no video of the same name beside it; it waits for one, such as"
                " lone.mp4, lone.mov or lone.jpg",
                waits_for="partner",
            ),
            InboxStatus(name="old.rm", reason="is RealMedia", waits_for="attention"),
            InboxStatus(name="b", reason="waits for its turn", priority=5, waits_for="turn"),
        ),
        backlog=Backlog(pairs={"turn": 2}, files={"attention": 1, "partner": 1}),
        finished=(published("demo"), failed(f"bad {ATTACK}", f"There is no face. {ATTACK}")),
    )
