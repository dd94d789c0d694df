"""The pace of jobs, from the last ones that ended."""

from typing import Any

import pytest

from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.service.pace import (
    USUAL_SHARES,
    Pace,
    cost_of_second,
    find_pace,
    find_paces,
    find_stretch,
    time_left,
)
from heygem_daemon.service.running_jobs import RunningJob
from tests.service.test_queue import job


def ended(number: int, **fields: Any) -> FinishedJob:
    """Return a job that ended ``number`` minutes before 6000."""
    known = {"id": str(number), "name": "n", "outcome": "published", "output": "n"}
    return FinishedJob(
        **{**known, "finished": 6000.0 - 60 * number, "seconds": 40.0, **fields},
    )


def of_lengths(*known: tuple[float, float]) -> list[FinishedJob]:
    """Return jobs, each with the seconds that it took and those of its result."""
    return [ended(n, seconds=took, length=length) for n, (took, length) in enumerate(known)]


def running_job() -> RunningJob:
    """Return a job that has just been started."""
    return RunningJob(
        queued=None,  # type: ignore[arg-type]
        job=job("j"),
        device=DeviceChoice("cpu", None, "CPU"),
        notice=None,
        started=0.0,
        began_at=1000.0,
    )


def usual_seconds(seconds: list[float]) -> float | None:
    """Return what is said of the next job, whose length is not known as theirs are not."""
    jobs = [ended(n, seconds=each) for n, each in enumerate(seconds)]
    paces = find_paces(jobs, [], 0.0, 6000.0)
    return paces.of(None).seconds(0.0) if paces else None


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
    ("ends", "running", "now", "cycle"),
    [
        ([], [600], 600, 40),
        ([600, 540, 480], [600], 600, 40),
        ([600, 540, 480, 420], [600], 610, 60),
        ([600, 540, 480, 420], [600, 600], 610, 120),
        ([600, 540, 480, 120], [600], 600, 160),  # the first one ended before others waited
        ([600, 540, 480, 420], [900], 900, 160),  # nothing has ended for long, nor was at work
        ([600, 540, 480, 420], [600], 900, 60),  # it was: that one is long
        ([600, 540, 480, 420], [], 900, 40),
    ],
)
def test_the_pace_holds_what_lies_between_jobs(
    ends: list[float], running: list[float], now: float, cycle: float
) -> None:
    jobs = [ended(n, finished=end) for n, end in enumerate(ends)]
    spans = [(start, now) for start in running]
    assert 40 * find_stretch(jobs, spans, 100, now) == pytest.approx(cycle)
    assert find_stretch(jobs, spans, 500, now) == 1


def test_failed_jobs_pass_through_the_queue_too() -> None:
    jobs = [ended(n, outcome="failed" if n % 2 else "published") for n in range(6)]
    at_work = [(6000.0, 6000.0)]
    assert find_paces(jobs[:4], at_work, 0.0, 6000.0) is None
    paces = find_paces(jobs, at_work, 0.0, 6000.0)
    assert paces is not None
    pace = paces.of(None)
    assert (pace.seconds(0.0), pace.cycle(0.0), len(pace.samples)) == (40, 60, 3)


def test_the_time_grows_with_the_length_of_the_result() -> None:
    """Ten minutes of sound were expected to take as long as five seconds of it."""
    short = find_pace(of_lengths((12, 5), (14, 6), (11, 4.5)))
    assert short is not None
    assert 10 < short.seconds(5) < 15
    assert short.seconds(600) > 600
    assert short.seconds(0) == 12, "of a length that is not known, as long as the others"


def test_what_each_job_takes_whatever_its_length_is_not_multiplied() -> None:
    """A worker's start takes 20 s here, and each second of result half a second."""
    pace = find_pace(of_lengths((22.5, 5), (50, 60), (320, 600), (25, 10), (22, 4)))
    assert pace is not None
    assert [round(pace.seconds(each), 1) for each in (5, 120, 600, 1200)] == [22.5, 80, 320, 620]
    assert pace.seconds(0.1) > 0
    alike = [ended(n, seconds=22.5, length=5, stage_seconds={"render": 2.5}) for n in range(3)]
    (pace,) = filter(None, [find_pace(alike)])
    assert pace.seconds(50) == 20 + 25, "they tell how long they were at work themselves"


def test_jobs_of_very_different_lengths_tell_one_pace() -> None:
    """They took very different times, and nothing was said."""
    pace = find_pace(of_lengths((10, 10), (11, 10), (600, 600), (580, 600), (10, 9)))
    assert pace is not None
    assert 50 < pace.seconds(60) < 70
    assert find_pace(of_lengths((10, 10), (10, 10), (10, 10), (500, 10), (500, 10), (500, 10))) is (
        None
    )


def test_each_engine_has_its_own_pace() -> None:
    jobs = [
        *(ended(n, seconds=20, length=10, engine="wav2lip") for n in range(3)),
        *(ended(n, seconds=5, length=10) for n in range(3, 8)),
        ended(9, seconds=8, length=10, engine="builtin"),
    ]
    paces = find_paces(jobs, [], 0.0, 6000.0)
    assert paces is not None
    assert paces.of("wav2lip").seconds(10) == 20
    assert paces.of(None).seconds(10) == 5
    assert paces.of("builtin") is paces.common, "too few have ended"
    assert 5 <= paces.common.seconds(10) <= 20


def test_too_few_jobs_of_different_lengths_tell_no_cost_of_a_second() -> None:
    assert cost_of_second(of_lengths((10, 10), (11, 11), (12, 12))) is None
    assert cost_of_second(of_lengths((50, 10), (40, 100), (30, 200))) is None, "longer is not less"


def test_what_takes_longer_than_all_before_tells_nothing() -> None:
    assert time_left([10, 20, 40], 0) == 20
    assert time_left([10, 20, 40], 15) == 15
    assert time_left([10, 20, 40], 41) is None


def test_each_stage_is_as_long_as_in_the_last_jobs() -> None:
    """The load of the engine does not depend on the length, all else does."""
    stages = {"track": 5.0, "render": 20.0, "join": 1.0, "review": 4.0}
    pace = Pace(tuple(ended(n, stage_seconds=stages, length=8) for n in range(3)))
    assert pace.in_stage("load", 8) == pace.in_stage("load", 80) == [10, 10, 10]
    assert pace.in_stage("render", 8) == pace.in_stage("render", 0) == [20, 20, 20]
    assert pace.in_stage("render", 16) == [40, 40, 40]
    whole = sum(pace.in_stage(stage, 16)[0] for stage in USUAL_SHARES)
    assert whole == pace.seconds(16) == 10 + 60


def test_where_the_last_jobs_tell_no_stages_these_have_their_usual_shares() -> None:
    pace = Pace(tuple(ended(n) for n in range(3)))
    assert pace.in_stage("review", 0.0) == [40 * USUAL_SHARES["review"]] * 3
