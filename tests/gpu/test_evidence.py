"""The evidence of a job: statistics of many readings, stage by stage."""

import pytest

from heygem_daemon.gpu.evidence import (
    INFERENCE_STAGES,
    Evidence,
    GpuUsage,
    MetricStats,
    add_usage,
    evidence_report,
    total_usage,
    usage_of_reading,
)
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.system.units import GIB


def reading(utilisation: int | None = 50, **changes: object) -> GpuReading:
    figures = {"used": 4 * GIB, "temperature": 60, "power": 200.0, "processes": 1, **changes}
    return GpuReading("GPU-1", 0, "H200", utilisation=utilisation, **figures)  # type: ignore[arg-type]


def evidence_of(*stages: tuple[str, GpuReading | None]) -> Evidence:
    evidence: Evidence = {}
    for stage, each in stages:
        evidence = add_usage(evidence, stage, usage_of_reading(each, 1.0))
    return evidence


def test_mean_and_peak_are_of_the_readings_that_had_the_figure() -> None:
    figure = MetricStats().add(10).add(None).add(30)
    assert (figure.mean, figure.peak, figure.count) == (20, 30, 2)
    assert MetricStats().add(None).mean is None
    assert (MetricStats().add(0) + MetricStats()).peak == 0


def test_only_the_stages_of_inference_tell_whether_the_gpu_works() -> None:
    evidence = evidence_of(
        ("load", reading(0)),
        ("render", reading(80)),
        ("render", reading(90)),
        ("track", reading(70)),
        ("review", reading(0)),
    )
    assert total_usage(evidence, INFERENCE_STAGES).utilisation == MetricStats(3, 240, 90)
    assert total_usage(evidence).utilisation.mean == 48
    assert total_usage(evidence).sampled_seconds == 5


def test_seconds_without_an_answer_are_told_apart_from_seconds_at_rest() -> None:
    lost = GpuReading("GPU-1", 0, "lost GPU", fault="lost to the driver")
    evidence = evidence_of(("render", reading(40)), ("render", None), ("render", lost))
    whole = total_usage(evidence)
    assert (whole.sampled_seconds, whole.silent_seconds) == (1, 2)
    assert whole.utilisation.mean == 40


def test_seconds_that_others_share_are_counted_where_the_driver_tells() -> None:
    assert usage_of_reading(reading(processes=2), 1.0).shared_seconds == 1
    assert usage_of_reading(reading(processes=2), 1.0, own_processes=2).shared_seconds == 0
    assert usage_of_reading(reading(processes=None), 1.0).shared_seconds == 0


def test_throttling_is_summed_by_its_reason() -> None:
    hot, capped = ("too hot",), ("power limit",)
    whole = usage_of_reading(reading(throttled=hot), 1.0) + usage_of_reading(
        reading(throttled=hot + capped), 1.5
    )
    assert whole.throttled_seconds == {"power limit": 1.5, "too hot": 2.5}


def test_the_report_has_mean_and_peak_of_each_figure_and_stage() -> None:
    evidence = evidence_of(
        ("track", reading(20, temperature=50, power=100.0)),
        ("render", reading(60, temperature=70, used=6 * GIB)),
        ("join", reading(0)),
    )
    report = evidence_report(evidence)
    assert report["note"] is None
    assert report["seconds_sampled"] == 3
    assert report["temperature_celsius"] == {"mean": 60, "peak": 70}
    assert report["memory_bytes"] == {"mean": pytest.approx(14 / 3 * GIB, abs=1), "peak": 6 * GIB}
    assert report["power_watts"] == {"mean": pytest.approx(166.7), "peak": 200}
    inference = report["inference"]
    assert isinstance(inference, dict)
    assert inference["utilisation_percent"] == {"mean": 40, "peak": 60}
    stages = report["stages"]
    assert isinstance(stages, dict)
    assert list(stages) == ["track", "render", "join"]


@pytest.mark.parametrize(
    ("observed", "note"),
    [
        (None, "driver reported nothing"),
        (reading(processes=3), "Other programs computed"),
        (reading(None), "does not report its utilisation"),
    ],
)
def test_the_report_says_what_its_figures_cannot_tell(
    observed: GpuReading | None, note: str
) -> None:
    report = evidence_report(evidence_of(("render", observed)))
    assert note in str(report["note"])


def test_a_figure_that_nobody_told_is_none_and_not_zero() -> None:
    report = evidence_report({"render": GpuUsage(sampled_seconds=3)})
    assert report["utilisation_percent"] is None
    assert report["memory_bytes"] is None
