"""The evidence of a job: figures of many readings, stage by stage."""

import pytest

from heygem_daemon.gpu.evidence import (
    INFERENCE,
    Evidence,
    Figure,
    Stretch,
    over,
    report_of,
    seen,
    with_stretch,
)
from heygem_daemon.gpu.reading import GpuReading

GIB = 1 << 30


def reading(utilisation: int | None = 50, **changes: object) -> GpuReading:
    figures = {"used": 4 * GIB, "temperature": 60, "power": 200.0, "processes": 1, **changes}
    return GpuReading("GPU-1", 0, "H200", utilisation=utilisation, **figures)  # type: ignore[arg-type]


def watched(*stages: tuple[str, GpuReading | None]) -> Evidence:
    evidence: Evidence = {}
    for stage, what in stages:
        evidence = with_stretch(evidence, stage, seen(what, 1.0))
    return evidence


def test_mean_and_peak_are_of_the_readings_that_had_the_figure() -> None:
    figure = Figure().plus(10).plus(None).plus(30)
    assert (figure.mean, figure.peak, figure.count) == (20, 30, 2)
    assert Figure().plus(None).mean is None
    assert (Figure().plus(0) + Figure()).peak == 0


def test_only_the_stages_of_inference_tell_whether_the_gpu_works() -> None:
    evidence = watched(
        ("load", reading(0)),
        ("render", reading(80)),
        ("render", reading(90)),
        ("track", reading(70)),
        ("review", reading(0)),
    )
    assert over(evidence, INFERENCE).utilisation == Figure(3, 240, 90)
    assert over(evidence).utilisation.mean == 48
    assert over(evidence).seconds == 5


def test_seconds_without_an_answer_are_told_apart_from_seconds_at_rest() -> None:
    lost = GpuReading("GPU-1", 0, "lost GPU", fault="lost to the driver")
    evidence = watched(("render", reading(40)), ("render", None), ("render", lost))
    whole = over(evidence)
    assert (whole.seconds, whole.silent) == (1, 2)
    assert whole.utilisation.mean == 40


def test_seconds_that_others_share_are_counted_where_the_driver_tells() -> None:
    assert seen(reading(processes=2), 1.0).shared == 1
    assert seen(reading(processes=2), 1.0, ours=2).shared == 0
    assert seen(reading(processes=None), 1.0).shared == 0


def test_throttling_is_summed_by_its_reason() -> None:
    hot, capped = ("too hot",), ("power limit",)
    whole = seen(reading(throttled=hot), 1.0) + seen(reading(throttled=hot + capped), 1.5)
    assert whole.throttled == {"power limit": 1.5, "too hot": 2.5}


def test_the_report_has_mean_and_peak_of_each_figure_and_stage() -> None:
    evidence = watched(
        ("track", reading(20, temperature=50, power=100.0)),
        ("render", reading(60, temperature=70, used=6 * GIB)),
        ("join", reading(0)),
    )
    report = report_of(evidence)
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
    ("what", "note"),
    [
        (None, "driver told nothing"),
        (reading(processes=3), "Others computed"),
        (reading(None), "does not tell its utilisation"),
    ],
)
def test_the_report_says_what_its_figures_cannot_tell(what: GpuReading | None, note: str) -> None:
    report = report_of(watched(("render", what)))
    assert note in str(report["note"])


def test_a_figure_that_nobody_told_is_none_and_not_zero() -> None:
    report = report_of({"render": Stretch(seconds=3)})
    assert report["utilisation_percent"] is None
    assert report["memory_bytes"] is None
