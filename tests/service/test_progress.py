"""The story of a running job in the log."""

from typing import Any

import pytest

from heygem_daemon.protocol import Progress
from heygem_daemon.service.drawn import percent_drawn, seconds_to_draw
from heygem_daemon.service.progress import record_progress
from heygem_daemon.service.running_jobs import RunningJob
from tests.fakes.service import ServiceHarness


def progress(stage: Any, **figures: Any) -> Progress:
    return Progress(job_id="j", stage=stage, **figures)


@pytest.fixture
def running(harness: ServiceHarness) -> RunningJob:
    harness.executor.answer = lambda _render: []
    service = harness.service()
    harness.drop("a.wav", "a.mp4")
    harness.run_rounds(service, 8)
    (running,) = service._dispatcher.attempts.running
    harness.log.clear()
    return running


def test_a_long_job_tells_its_stages_and_the_time_left(
    harness: ServiceHarness, running: RunningJob
) -> None:
    now = running.began_at
    for seconds, each in (
        (1, progress("track")),
        (90, progress("render", chunk=1, chunks=2, total_frames=1000)),
        (120, progress("render", chunk=1, chunks=2, frames=500, total_frames=1000, fps=10.0)),
        (121, progress("render", chunk=2, chunks=2, frames=500, total_frames=1000, fps=10.0)),
        (185, progress("render", chunk=2, chunks=2, frames=900, total_frames=1000, fps=10.0)),
        (200, progress("join", chunks=2, frames=1000, total_frames=1000)),
        (261, progress("join", chunks=2, frames=1000, total_frames=1000)),
        (262, progress("review", chunks=2, frames=1000, total_frames=1000)),
    ):
        record_progress(running, each, now + seconds)
    lines = [line.split(" {'job'")[0] for line in harness.log]
    assert lines == [
        "DEBUG stage track, after 1 s of load",
        "INFO stage render, after 89 s of track",
        "INFO chunk 1/2 at 10.0 fps, 50 %, 50 s left",
        "INFO render for 95 s, 90 %, 10 s left",
        "INFO chunk 2/2 at 10.0 fps, 90 %, 10 s left",
        "INFO stage join, after 110 s of render",
        "INFO join for 61 s",
        "INFO stage review, after 62 s of join",
    ]


def test_a_short_job_tells_its_chunks_only(harness: ServiceHarness, running: RunningJob) -> None:
    now = running.began_at
    record_progress(running, progress("render", chunk=1, chunks=1, total_frames=10), now + 1)
    record_progress(running, progress("join"), now + 2)
    record_progress(running, progress("review"), now + 3)
    assert [line.partition(" {'job'")[0] for line in harness.log if line.startswith("INFO")] == [
        "INFO chunk 1/1 taken over"
    ]


@pytest.mark.parametrize(
    ("figures", "percent", "left"),
    [
        ({"frames": 0, "total_frames": 0}, None, None),
        ({"frames": 5, "total_frames": 10, "fps": 0.0}, 50, None),
        ({"frames": 5, "total_frames": 10, "fps": 0.5}, 50, 10),
        ({"frames": 12, "total_frames": 10, "fps": 1.0}, 100, 0),
    ],
)
def test_share_and_time_left(figures: Any, percent: int | None, left: int | None) -> None:
    each = progress("render", **figures)
    assert (percent_drawn(each), seconds_to_draw(each)) == (percent, left)
    assert percent_drawn(progress("join", **figures)) is None
