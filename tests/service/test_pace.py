"""The pace of jobs, from the last ones that ended."""

from typing import Any

import pytest

from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import Progress
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.service.pace import Pace, find_cycle, find_pace, time_left, usual_seconds
from heygem_daemon.service.running_jobs import RunningJob


def ended(number: int, **fields: Any) -> FinishedJob:
    """Return a job that ended ``number`` minutes before 6000."""
    known = {"id": str(number), "name": "n", "outcome": "published", "output": "n"}
    return FinishedJob(
        **{**known, "finished": 6000.0 - 60 * number, "seconds": 40.0, **fields},
    )


@pytest.mark.parametrize(
    ("seconds", "usual"),
    [
        ([], None),
        ([60, 60], None),
        ([60, 0, 0, 60], None),  # of jobs before a restart the time is not known
        ([60, 90, 120], 90),
        ([100] * 25, 100),
        ([10, 10, 10, 500, 500, 500], None),
        ([100, 100, 100, 100, 100, 100, 5000], 100),
    ],
)
def test_the_pace_is_that_of_the_last_jobs(seconds: list[float], usual: float | None) -> None:
    assert usual_seconds(seconds) == usual


@pytest.mark.parametrize(
    ("ends", "places", "now", "cycle"),
    [
        ([], 1, 600, None),
        ([600, 540, 480], 1, 600, None),
        ([600, 540, 480, 420], 1, 610, 60),
        ([600, 540, 480, 420], 2, 610, 120),
        ([600, 540, 480, 120], 1, 600, 160),  # the first one ended before others waited
        ([600, 540, 480, 420], 1, 900, 120),  # nothing has ended for long
    ],
)
def test_the_pace_holds_what_lies_between_jobs(
    ends: list[float], places: int, now: float, cycle: float | None
) -> None:
    assert find_cycle(ends, 100, places, now) == cycle
    assert find_cycle(ends, 500, places, now) is None


def test_failed_jobs_pass_through_the_queue_too() -> None:
    jobs = [ended(n, outcome="failed" if n % 2 else "published") for n in range(6)]
    assert find_pace(jobs[:4], 0.0, 1, 6000.0) is None
    pace = find_pace(jobs, 0.0, 1, 6000.0)
    assert pace is not None
    assert (pace.duration, pace.cycle, len(pace.samples)) == (40, 60, 3)


def test_what_takes_longer_than_all_before_tells_nothing() -> None:
    assert time_left([10, 20, 40], 0) == 20
    assert time_left([10, 20, 40], 15) == 15
    assert time_left([10, 20, 40], 41) is None


@pytest.mark.parametrize(
    ("stage", "figures", "stage_seconds_ago", "left"),
    [
        (None, {}, 0.0, 30.0),
        ("track", {}, 5.0, 30.0),
        ("render", {"frames": 5, "total_frames": 10, "fps": 1.0}, 5.0, 5.0 + 14.0),
        ("render", {"frames": 10, "total_frames": 10, "fps": 1.0}, 5.0, 14.0),
        ("join", {}, 4.0, 10.0),
        ("review", {}, 1.0, 3.0),
        ("review", {}, 90.0, None),
    ],
)
def test_a_running_job_ends_after_its_last_stages(
    stage: Any, figures: Any, stage_seconds_ago: float, left: float | None
) -> None:
    stages = {"track": 5.0, "render": 20.0, "join": 10.0, "review": 4.0}
    pace = Pace(40.0, 40.0, tuple(ended(n, stage_seconds=stages) for n in range(3)))
    now = 1000.0
    running = RunningJob(
        queued=None,  # type: ignore[arg-type]
        job=None,  # type: ignore[arg-type]
        device=DeviceChoice("cpu", None, "CPU"),
        notice=None,
        started=0.0,
        began_at=now - 10.0,
    )
    running.stage_began_at = now - stage_seconds_ago
    running.progress = stage and Progress(job_id="j", stage=stage, **figures)
    assert pace.left(running, now) == left
