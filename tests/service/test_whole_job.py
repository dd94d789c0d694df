"""How far a running job is as a whole, and how long it still takes."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.report.stages import STAGES
from heygem_daemon.service.pace import USUAL_SHARES, Pace
from heygem_daemon.service.progress import record_progress
from heygem_daemon.service.whole_job import (
    LEAST_SECONDS,
    MOST_PERCENT,
    percent_of,
    seconds_left,
    with_kept_percent,
)
from tests.fakes.service import ServiceHarness
from tests.service.test_pace import ended, running_job
from tests.service.test_progress_counts import Drawing
from tests.service.test_queue import job

SECONDS = {"probe": 1.0, "listen": 1.0, "track": 40.0, "render": 40.0, "join": 1.0, "review": 7.0}
PACE = Pace(tuple(ended(n, seconds=100.0, length=10, stage_seconds=SECONDS) for n in range(3)))


def at(stage: Any, frames: int = 0, total: int = 100, fps: float = 0.0) -> Progress:
    return Progress(job_id="j", stage=stage, frames=frames, total_frames=total, fps=fps)


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        (None, 0),
        (at("probe", total=0), 10),
        (at("track", 0), 12),
        (at("track", 50), 32),
        (at("render", 50), 72),
        (at("join", 100), 93),
        (at("review", 50), 96),
        (at("review", 100), MOST_PERCENT),
    ],
)
def test_every_stage_has_its_share(progress: Progress | None, percent: int) -> None:
    """While the face was looked for, half of the time, nothing was shown."""
    assert percent_of(progress, PACE) == percent
    assert 0 <= percent_of(progress, None) <= MOST_PERCENT


def test_a_usual_job_shows_per_cent_from_its_first_stage_on() -> None:
    assert USUAL_SHARES.keys() == STAGES.keys()
    shown = [percent_of(at(stage), None) for stage in STAGES if stage != "load"]
    assert shown == sorted(set(shown)), "each stage begins further on"
    assert percent_of(at("track", 50), None) > percent_of(at("track", 10), None)


def test_per_cent_never_become_less() -> None:
    """A video that has to be turned is searched twice."""
    running = running_job()
    story = [
        at("probe"),
        at("track", 90),
        at("track", 5),
        at("track", 95),
        at("render", 10),
        at("render", 0),
        at("join", 50),
        at("review", 20),
    ]
    shown = []
    for number, each in enumerate(story):
        record_progress(running, each, running.began_at + number)
        shown.append(running.percent)
    assert all(before <= after for before, after in pairwise(shown))
    assert shown[0] < shown[1] == shown[2] < shown[3] < shown[4] == shown[5] < shown[-1]


@pytest.mark.parametrize(
    ("progress", "since_start", "in_stage", "left"),
    [
        (None, 5.0, 5.0, 5 + 90.0),
        (None, 50.0, 50.0, 90.0),  # a cold start, where the last jobs found the engine loaded
        (None, 150.0, 150.0, None),
        (at("track", 50), 30.0, 20.0, 20 + 48.0),
        (at("track", 50), 50.0, 40.0, 40 + 48.0),  # it is slower than in the last jobs
        (at("track", 1), 20.0, 10.0, 30 + 48.0),  # too early to tell its speed
        (at("render", 99, fps=1.0), 91.0, 40.0, 1 + 8.0),  # "1 s left" was the drawing alone
        (at("render", 50, fps=1.0), 70.0, 20.0, 50 + 8.0),
        (at("render", 50), 20.0, 20.0, 20 + 8.0),  # drawn by an earlier attempt
        (at("join", 0), 96.0, 4.0, 7.0),  # longer than ever, but not the job
        (at("review", 50), 95.0, 3.0, 3.0),
        (at("review", 100), 199.0, 60.0, 0.0),
        (at("review", 0), 199.0, 60.0, None),
        (at("track", 1), 500.0, 490.0, None),
    ],
)
def test_the_time_left_is_that_of_the_whole_job(
    progress: Progress | None, since_start: float, in_stage: float, left: float | None
) -> None:
    assert seconds_left(PACE, progress, 10.0, since_start, in_stage) == left


def test_a_job_that_is_nearly_done_is_not_expected_to_take_as_long_as_the_slowest_one() -> None:
    """ "98 %, 43 s left": one of the last jobs had been checked for a minute, beside others."""
    samples = [
        ended(n, seconds=100.0 + slow, length=10, stage_seconds={**SECONDS, "review": 7.0 + slow})
        for n, slow in enumerate((0.0, 0.0, 0.0, 53.0))
    ]
    pace, nearly = Pace(tuple(samples)), at("review", 85)
    assert percent_of(nearly, pace, 10.0) == 98
    left = seconds_left(pace, nearly, 10.0, 102.0, 9.0)
    assert left is not None
    assert left < LEAST_SECONDS


@pytest.mark.parametrize("length", [10.0, 100.0])
def test_per_cent_and_time_left_say_the_same(length: float) -> None:
    """A job that is as fast as the last ones goes through its stages."""
    times = {stage: PACE.in_stage(stage, length)[0] for stage in STAGES}
    before = times.pop("load")
    for stage, seconds in times.items():
        for tenth in range(1, 10):
            fps = 100 / seconds if stage == "render" else 0.0
            progress = at(stage, 10 * tenth, fps=fps)
            in_stage = seconds * tenth / 10
            left = seconds_left(PACE, progress, length, before + in_stage, in_stage)
            assert left is not None
            share = (before + in_stage) / (before + in_stage + left)
            shown = percent_of(progress, PACE, length)
            assert shown == pytest.approx(100 * share, abs=1.5), (stage, tenth)
        before += seconds


@pytest.mark.parametrize(
    ("progress", "in_stage", "is_known"),
    [
        (None, 9.0, False),
        (at("track", 50), 10.0, False),
        (at("render", 0), 10.0, False),
        (at("render", 50, fps=10.0), 5.0, True),
        (at("join", 50), 5.0, False),  # too short to say how long the check takes
        (at("review", 10), 5.0, True),
    ],
)
def test_without_a_pace_nothing_is_said_before_the_drawing(
    progress: Progress | None, in_stage: float, is_known: bool
) -> None:
    left = seconds_left(None, progress, 10.0, 20.0, in_stage)
    assert (left is not None) == is_known
    if progress and progress.stage == "render" and left is not None:
        review = 10 * USUAL_SHARES["review"] / USUAL_SHARES["render"]
        assert left > 5 + review, "what follows the last frame counts too"
    assert left is None or left >= LEAST_SECONDS


def test_what_is_kept_after_a_death_of_the_daemon_shows_in_the_finished_chunks(
    tmp_path: Path,
) -> None:
    found = job("talk")
    known = found.journal.model_copy(update={"seconds": 40.0})
    talk = replace(found, folder=tmp_path, journal=known)
    talk.workspace.mkdir(parents=True, exist_ok=True)
    assert with_kept_percent(talk, 10.0) == talk
    for number in range(2):
        Chunk(number, 0, 1).segment_path(talk.workspace).touch()
    half = percent_of(at("render", 50), None)
    assert with_kept_percent(talk, 10.0).journal.percent == half > 60
    unknown = replace(talk, journal=talk.journal.model_copy(update={"seconds": 0.0}))
    assert with_kept_percent(unknown, 10.0).journal.percent == percent_of(at("render"), None)
    noted = replace(talk, journal=talk.journal.model_copy(update={"percent": 90}))
    assert with_kept_percent(noted, 10.0).journal.percent == 90


def test_after_a_death_of_the_daemon_a_waiting_job_says_how_far_it_came(
    harness: ServiceHarness,
) -> None:
    harness.configure(language="both", chunk_seconds=10)
    harness.executor.answer = Drawing(1)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    harness.kill(service)
    day = int(harness.clock.wall() % 86_400 // 3600)
    harness.configure(active_hours=[f"{(day + 6) % 24:02d}:00-{(day + 8) % 24:02d}:00"])
    harness.configure(language="both", time_zone="UTC")
    harness.run_rounds(harness.service(), 5)
    (job,) = harness.status().jobs
    assert (job.state, job.percent) == ("queued", percent_of(at("render"), None))
    text = (harness.spool.root / "status.txt").read_text()
    assert f"; done so far: {job.percent} %\n" in text
    assert f"已完成 {job.percent}%\n" in text


def test_page_text_and_command_show_the_whole_job(harness: ServiceHarness) -> None:
    harness.configure(language="en")
    harness.executor.answer = lambda render: [
        Progress(job_id=render.job_id, stage="track", frames=50, total_frames=100)
    ]
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    (job,) = harness.status().jobs
    assert job.percent == percent_of(at("track", 50), None) > 10
    assert job.left_seconds is None
    html, text = ((harness.spool.root / f"status.{kind}").read_text() for kind in ("html", "txt"))
    note = (harness.spool.outbox / "talk.rendering.txt").read_text()
    assert f"{job.percent} %" in html
    assert f'value="{job.percent}"' in html
    assert f"talk: finding the face, {job.percent} %; CPU" in text
    assert f"Done: {job.percent} %" in note
    drawing = Progress(
        job_id=job.id, stage="render", frames=90, total_frames=100, fps=2.5, chunk=1, chunks=1
    )
    harness.executor.emit_for_job(job.id, drawing)
    harness.run_rounds(service, 5)
    (job,) = harness.status().jobs
    assert job.left_seconds is not None
    assert job.left_seconds > 4 + 30, "the result has to be checked, too"
    text = (harness.spool.root / "status.txt").read_text()
    assert "2.5 frames a second; CPU" in text
    assert "\nThe machine\n" in text
