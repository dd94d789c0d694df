"""The soak: a very short run, and that its bars fail where something grows."""

from pathlib import Path

import pytest

from tests.soak.__main__ import describe
from tests.soak.campaign import TROUBLES, Soak, SoakPlan, disk
from tests.soak.figures import LEAST_SAMPLES, Sample, Series, judge

MIB = 1 << 20


def series(count: int = 90, **growth: float) -> Series:
    """Return samples that grow by these amounts over the whole run."""
    samples = [
        Sample(
            rss_bytes=round(100 * MIB * (1 + growth.get("memory", 0) * number / count)),
            descriptors=20 + round(growth.get("descriptors", 0) * number / count),
            threads=8 + round(growth.get("threads", 0) * number / count),
        )
        for number in range(count)
    ]
    log = [round(1000 * number * (1 + growth.get("log", 0) * number)) for number in range(count)]
    return Series(supervisor=samples, log_bytes=log)


def failing(given: Series) -> list[str]:
    return [row.name for row in judge(given) if not row.holds]


def test_what_is_flat_holds() -> None:
    assert failing(series()) == []
    assert failing(series(memory=0.03)) == []
    assert len(judge(series())) == 4


@pytest.mark.parametrize(
    ("grows", "row"),
    [
        ({"memory": 0.06}, "daemon: memory, MiB"),
        ({"descriptors": 6}, "daemon: descriptors"),
        ({"threads": 6}, "daemon: threads"),
        ({"log": 1}, "log, KB a third"),
    ],
)
def test_what_grows_fails(grows: dict[str, float], row: str) -> None:
    assert failing(series(90, **grows)) == [row]


def test_the_worker_that_grew_most_is_judged_and_short_lives_are_not() -> None:
    flat, grown = series().supervisor, series(memory=0.2).supervisor
    given = Series(workers={1: flat, 2: grown, 3: grown[: LEAST_SAMPLES - 1]})
    assert failing(given) == ["worker that grew most: memory, MiB"]
    assert judge(Series(workers={3: grown[: LEAST_SAMPLES - 1]})) == []


def test_of_each_figure_the_worst_worker_is_judged() -> None:
    given = Series(
        workers={1: series(memory=0.2).supervisor, 2: series(descriptors=6, threads=6).supervisor}
    )
    assert failing(given) == [
        f"worker that grew most: {figure}" for figure in ("memory, MiB", "descriptors", "threads")
    ]


def test_a_worker_more_or_less_is_no_leak() -> None:
    idle, busy = Sample(MIB, 9, 5, children=0), Sample(MIB, 12, 7, children=1)
    assert failing(Series(supervisor=[*[idle] * 20, *[busy] * 70])) == []
    leaky = [Sample(MIB, 12 + number // 30, 7, children=1) for number in range(90)]
    assert failing(Series(supervisor=[idle, *leaky])) == ["daemon: descriptors"]


def test_what_jobs_open_while_they_run_is_no_leak_and_what_they_leave_is() -> None:
    idle = Sample(MIB, 9, 5, has_work=False)
    busy = Sample(MIB, 12, 7, has_work=True)
    more_and_more_busy = [idle, busy, busy] * 30 + [busy] * 30 + [idle] * 5
    assert failing(Series(supervisor=more_and_more_busy)) == []
    left = Sample(MIB, 10, 5, has_work=False)
    assert failing(Series(supervisor=[idle, busy] * 30 + [left, busy] * 30)) == [
        "daemon: descriptors"
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_very_short_run_loses_no_job(tmp_path: Path) -> None:
    plan = SoakPlan(seconds=45, sample_seconds=0.2, trouble_seconds=4)
    with disk(tmp_path):
        result = Soak(tmp_path, plan).run()
    # So short a run still warms up: whether memory is flat, an hour says.
    lost = [each for each in result.wrong if "memory" not in each]
    assert not lost, describe(result)
    assert result.jobs >= 5
    assert set(result.troubles) == set(TROUBLES)
    assert result.daemon_kills == 1
    assert "daemon: memory, MiB" in describe(result)
