from typing import Any

from heygem_daemon.engines.base import PerformanceSummary
from heygem_daemon.render.quality import Quality, coverage_warning, quality_warnings

GOOD: dict[str, Any] = {
    "aperture_correlation": 0.95,
    "aperture_lag_ms": 3.2,
    "closed_in_silence": 1.0,
    "open_in_silence_seconds": 0.0,
    "sharpness": 1.0,
    "sharpness_alike": 1.0,
}


def warnings_for(**figures: Any) -> list[str]:
    return list(quality_warnings(Quality(seconds=6.0, **(GOOD | figures)), 25.0))


def test_a_good_result_has_no_warnings() -> None:
    assert warnings_for() == []
    assert coverage_warning(PerformanceSummary(1.0)) is None


def test_a_figure_that_was_not_measured_has_no_warning() -> None:
    assert list(quality_warnings(Quality(seconds=1.0), 25.0)) == []


def test_each_figure_outside_its_range_has_a_warning() -> None:
    assert "correlation 0.80" in warnings_for(aperture_correlation=0.8)[0]
    assert (
        "85.0% of the silence"
        in warnings_for(closed_in_silence=0.85, open_in_silence_seconds=0.3)[0]
    )
    assert "blurred" in warnings_for(sharpness_alike=0.55)[0]
    assert "rougher" in warnings_for(sharpness_alike=1.9)[0]
    assert "blurred" in warnings_for(sharpness_alike=None, sharpness=0.4)[0]


def test_a_mouth_that_is_as_sharp_as_an_equally_open_one_has_no_warning() -> None:
    """The sound closed a mouth full of teeth (0.7), or opened one that was closed (1.5)."""
    assert warnings_for(sharpness=0.699, sharpness_alike=1.03) == []
    assert warnings_for(sharpness=1.507, sharpness_alike=1.48) == []
    assert warnings_for(sharpness=1.845, sharpness_alike=None) == []


def test_an_error_of_less_than_a_pixel_has_no_warning() -> None:
    """In a tiny face the tracker's own error is a large part of each movement."""
    assert warnings_for(aperture_correlation=0.88, aperture_error_pixels=0.7) == []
    assert "correlation 0.88" in warnings_for(aperture_correlation=0.88, aperture_error_pixels=3)[0]
    assert "correlation 0.3" in warnings_for(aperture_correlation=0.3, aperture_error_pixels=0.9)[0]


def test_a_mouth_opened_in_a_photograph_is_not_called_rough() -> None:
    """Closed lips have fewer edges than any opening; blur is still seen."""
    opened = {"sharpness_alike": None, "source_opens": False}
    assert warnings_for(**opened, sharpness=2.7) == []
    assert "blurred" in warnings_for(**opened, sharpness=0.4)[0]
    assert "rougher" in warnings_for(sharpness_alike=None, sharpness=2.7)[0]
    assert "rougher" in warnings_for(sharpness_alike=1.9, source_opens=False)[0]


def test_a_few_open_frames_in_a_short_silence_have_no_warning() -> None:
    assert warnings_for(closed_in_silence=0.947, open_in_silence_seconds=0.04) == []


def test_a_figure_that_just_falls_short_is_not_rounded_into_its_range() -> None:
    assert "sharpness 0.597 where both are as open; 0.6" in warnings_for(sharpness_alike=0.597)[0]
    assert "correlation 0.899, at least 0.90" in warnings_for(aperture_correlation=0.899)[0]
    closing = warnings_for(closed_in_silence=0.968, open_in_silence_seconds=0.24)
    assert "96.8% of the silence; at least 97%" in closing[0]
    warning = coverage_warning(PerformanceSummary(0.897))
    assert warning is not None
    assert "89.7%" in warning


def test_a_lag_counts_from_one_frame_on() -> None:
    assert warnings_for(aperture_lag_ms=39.0) == []
    assert "80 ms too late" in warnings_for(aperture_lag_ms=80.0)[0]
    assert "80 ms too early" in warnings_for(aperture_lag_ms=-80.0)[0]


def test_without_correlation_the_lag_is_not_reported() -> None:
    assert len(warnings_for(aperture_correlation=0.2, aperture_lag_ms=200.0)) == 1


def test_frames_passed_through_are_explained() -> None:
    summary = PerformanceSummary(0.5, {"face turned away": 0.4, "no face found": 0.1})
    warning = coverage_warning(summary)
    assert warning is not None
    assert "50.0%" in warning
    assert "face turned away 40%, no face found 10%" in warning


def test_the_report_has_rounded_figures() -> None:
    figures = Quality(seconds=6.04, aperture_correlation=0.95123, aperture_lag_ms=-3.7).rounded()
    assert figures == {
        "seconds": 6.0,
        "aperture_correlation": 0.951,
        "aperture_error_pixels": None,
        "aperture_lag_ms": -4,
        "closed_in_silence": None,
        "open_in_silence_seconds": None,
        "sharpness": None,
        "sharpness_alike": None,
        "source_opens": True,
    }
