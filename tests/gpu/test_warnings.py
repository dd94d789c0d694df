"""Warnings that follow from evidence: tables of cases."""

import pytest

from heygem_daemon.gpu.evidence import Evidence, GpuUsage, add_usage, usage_of_reading
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.gpu.warnings import (
    CREEP_JOBS,
    LEAST_SECONDS,
    LEAST_SECONDS_SO_FAR,
    RetainedMemory,
    WarningLimits,
    find_memory_creep,
    find_warnings,
)

LIMITS = WarningLimits(asleep_percent=5, hot_celsius=87, creep_bytes=256 << 20)
NEVER = WarningLimits(None, None, None)
MIB = 1 << 20


def job(seconds: int, stage: str = "render", **figures: object) -> Evidence:
    reading = GpuReading("GPU-1", 0, "H200", **figures)  # type: ignore[arg-type]
    evidence: Evidence = {}
    for _ in range(seconds):
        evidence = add_usage(evidence, stage, usage_of_reading(reading, 1.0))
    return evidence


def kinds(evidence: Evidence, limits: WarningLimits = LIMITS, ended: bool = True) -> list[str]:
    return [finding.kind for finding in find_warnings(evidence, limits, ended)]


def test_a_gpu_that_rests_while_the_engine_works_is_asleep() -> None:
    (finding,) = find_warnings(job(30, utilisation=1), LIMITS, ended=True)
    assert finding.kind == "asleep"
    assert "busy for 1 % of the 30 s" in finding.text
    assert "doctor" in finding.text


@pytest.mark.parametrize(
    "evidence",
    [
        job(30, utilisation=5),
        job(30, utilisation=None),
        job(30, stage="review", utilisation=0),
        job(LEAST_SECONDS - 1, utilisation=0),
        {},
    ],
    ids=["busy enough", "not reported", "not at work", "too short", "no readings"],
)
def test_otherwise_it_is_not_called_asleep(evidence: Evidence) -> None:
    assert kinds(evidence) == []


def test_a_job_that_still_runs_is_called_asleep_after_a_minute() -> None:
    assert kinds(job(LEAST_SECONDS_SO_FAR - 1, utilisation=0), ended=False) == []
    assert kinds(job(LEAST_SECONDS_SO_FAR, utilisation=0), ended=False) == ["asleep"]


def test_one_hot_second_is_enough() -> None:
    evidence = add_usage(
        job(30, utilisation=90, temperature=80),
        "render",
        usage_of_reading(GpuReading("GPU-1", 0, "H200", temperature=87), 1.0),
    )
    (finding,) = find_warnings(evidence, LIMITS, ended=False)
    assert finding.kind == "hot"
    assert "87 °C at its peak" in finding.text


def test_throttling_counts_where_it_takes_a_good_share_of_the_time() -> None:
    brief = add_usage(job(30, utilisation=90), "render", capped())
    assert kinds(brief) == []
    long = add_usage(job(9, utilisation=90), "render", capped())
    (finding,) = find_warnings(long, LIMITS, ended=True)
    assert finding.kind == "throttled"
    assert "of 10 s 1 s at its power limit" in finding.text
    assert kinds(long, ended=False) == []


def capped() -> GpuUsage:
    reading = GpuReading("GPU-1", 0, "H200", utilisation=90, throttled=("at its power limit",))
    return usage_of_reading(reading, 1.0)


def test_zero_in_the_settings_means_never() -> None:
    evidence = job(90, utilisation=0, temperature=120)
    assert kinds(evidence) == ["asleep", "hot"]
    assert kinds(evidence, NEVER) == []


def samples(*active_mib: int | None) -> list[RetainedMemory]:
    return [RetainedMemory(active_bytes=None if m is None else m * MIB) for m in active_mib]


def test_memory_that_grows_with_every_job_creeps() -> None:
    finding = find_memory_creep(samples(1000, 1060, 1120, 1180, 1240, 1300), 256 * MIB)
    assert finding is not None
    assert "300 MiB more in use by the worker after 6 jobs" in finding.text


@pytest.mark.parametrize(
    "row",
    [
        samples(1000, 1100, 1200, 1300, 1400),
        samples(1000, 1000, 3000, 3000, 3000, 3000),
        samples(1000, 1100, 1200, 900, 1400, 1500),
        samples(1000, 1001, 1002, 1003, 1004, 1005),
        samples(1000, None, 1200, 1300, 1400, 1500),
        samples(*[None] * CREEP_JOBS),
    ],
    ids=["too few jobs", "one larger job", "it came back", "a little", "unknown", "never reported"],
)
def test_other_growth_is_no_creep(row: list[RetainedMemory]) -> None:
    assert find_memory_creep(row, 256 * MIB) is None


def test_what_the_driver_alone_sees_growing_is_told_as_such() -> None:
    row = [
        RetainedMemory(active_bytes=MIB, reserved_bytes=MIB, used_bytes=count * 100 * MIB)
        for count in range(6)
    ]
    finding = find_memory_creep(row, 256 * MIB)
    assert finding is not None
    assert "as the driver sees it" in finding.text
    assert "by the worker" not in finding.text


def test_only_the_latest_jobs_count() -> None:
    grown = samples(0, 500, 1000, 1500, 2000, 2500)
    assert find_memory_creep(grown + samples(*[2500] * CREEP_JOBS), 256 * MIB) is None
    assert find_memory_creep(grown, None) is None
