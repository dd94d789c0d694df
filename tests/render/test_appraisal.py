"""A result is appraised, and no failure of that loses it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest

from heygem_daemon.face.tracking.track import Track
from heygem_daemon.render import appraisal, strip
from heygem_daemon.render.appraisal import warn_on_failure
from heygem_daemon.render.pipeline import render_job
from tests.render.conftest import FACE, write_tone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from heygem_daemon.media.picture import Picture
    from tests.render.conftest import FakeEngine, MakeBench

pytestmark = pytest.mark.slow


def report(engine: "FakeEngine", make_bench: "MakeBench", **options: object) -> dict[str, Any]:
    bench = make_bench(1.0, 30)
    write_tone(bench.audio, 1.0, silent_from=0.4)
    rendered = render_job(
        engine, bench.request(**options), bench.cache, bench.progress.append, lambda: False
    )
    assert Path(rendered.result).exists()
    found: dict[str, Any] = json.loads(Path(rendered.report).read_text())
    return found


def test_the_report_says_how_good_the_result_is(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    found = report(engine, make_bench, crf=45)
    assert found["quality"]["seconds"] == 1.0
    assert found["quality"]["sharpness"] is not None
    assert any("than the source" in warning for warning in found["warnings"])


def test_a_review_that_fails_is_a_warning_and_costs_nothing(
    engine: "FakeEngine", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(pictures: "Iterable[Picture]") -> Track:
        list(pictures)
        return Track(FACE[None], np.ones(1, np.bool_), np.ones(1, np.float32))

    monkeypatch.setattr(engine.tracker, "track", confused)
    found = report(engine, make_bench)
    assert found["quality"] is None
    assert any("The quality could not be measured: " in warning for warning in found["warnings"])


def broken(*_: object) -> NoReturn:
    raise ValueError("no such sample")


def test_a_failure_to_choose_frames_is_a_warning_and_costs_nothing(
    engine: "FakeEngine", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appraisal, "choose_windows", broken)
    found = report(engine, make_bench)
    assert found["quality"] is None
    (warning,) = found["warnings"]
    assert warning.startswith("The quality could not be measured: ValueError: no such sample (")


def test_a_failure_to_choose_the_strip_costs_only_the_strip(
    engine: "FakeEngine", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strip, "opening_changes", broken)
    found = report(engine, make_bench, crf=45)
    assert found["quality"]["seconds"] == 1.0
    assert found["warnings"][0].startswith("The before/after picture could not be drawn: ")


def test_a_result_is_returned_and_a_failure_becomes_a_warning() -> None:
    warnings: list[str] = []
    assert warn_on_failure("No sum", lambda: 1 + 1, warnings) == 2
    assert warnings == []
    assert warn_on_failure("No part", lambda: int("one"), warnings) is None
    (warning,) = warnings
    assert warning.startswith("No part: ValueError: invalid literal for int()")
