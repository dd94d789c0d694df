from heygem_daemon.engines.base import PerformanceSummary
from heygem_daemon.render.quality import Quality, coverage_warning, quality_warnings

GOOD = {
    "aperture_correlation": 0.95,
    "aperture_lag_ms": 3.2,
    "closed_in_silence": 1.0,
    "sharpness": 1.0,
}


def said(**figures: float | None) -> list[str]:
    return list(quality_warnings(Quality(seconds=6.0, **(GOOD | figures)), 25.0))


def test_a_good_result_needs_no_words() -> None:
    assert said() == []
    assert coverage_warning(PerformanceSummary(1.0)) is None


def test_what_was_not_measured_is_no_complaint() -> None:
    assert list(quality_warnings(Quality(seconds=1.0), 25.0)) == []


def test_each_figure_below_its_bar_has_its_sentence() -> None:
    assert "correlation 0.80" in said(aperture_correlation=0.8)[0]
    assert "85.0% of the silence" in said(closed_in_silence=0.85)[0]
    assert "blurred" in said(sharpness=0.6)[0]
    assert "rougher" in said(sharpness=1.5)[0]


def test_a_figure_that_just_falls_short_does_not_seem_to_reach_its_bar() -> None:
    assert "sharpness 0.847, usual is 0.85" in said(sharpness=0.847)[0]
    assert "correlation 0.899, at least 0.90" in said(aperture_correlation=0.899)[0]
    assert "96.8% of the silence; at least 97%" in said(closed_in_silence=0.968)[0]
    complaint = coverage_warning(PerformanceSummary(0.897))
    assert complaint is not None
    assert "89.7%" in complaint


def test_a_lag_counts_from_one_frame_on() -> None:
    assert said(aperture_lag_ms=39.0) == []
    assert "80 ms too late" in said(aperture_lag_ms=80.0)[0]
    assert "80 ms too early" in said(aperture_lag_ms=-80.0)[0]


def test_the_lag_of_a_mouth_that_does_not_obey_means_nothing() -> None:
    assert len(said(aperture_correlation=0.2, aperture_lag_ms=200.0)) == 1


def test_frames_passed_through_are_explained() -> None:
    summary = PerformanceSummary(0.5, {"face turned away": 0.4, "no face found": 0.1})
    complaint = coverage_warning(summary)
    assert complaint is not None
    assert "50.0%" in complaint
    assert "face turned away 40%, no face found 10%" in complaint


def test_the_report_has_rounded_figures() -> None:
    figures = Quality(seconds=6.04, aperture_correlation=0.95123, aperture_lag_ms=-3.7).rounded()
    assert figures == {
        "seconds": 6.0,
        "aperture_correlation": 0.951,
        "aperture_lag_ms": -4,
        "closed_in_silence": None,
        "sharpness": None,
    }
