"""What is added to a result, and that no fault there can lose it."""

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
    from tests.render.conftest import MakeBench, Painter


def report(painter: "Painter", make_bench: "MakeBench") -> dict[str, Any]:
    bench = make_bench(1.0, 30)
    write_tone(bench.audio, 1.0, silent_from=0.4)
    rendered = render_job(painter, bench.order(), bench.cache, bench.told.append, lambda: False)
    assert Path(rendered.result).exists()
    found: dict[str, Any] = json.loads(Path(rendered.report).read_text())
    return found


def test_the_report_says_how_good_the_result_is(
    painter: "Painter", make_bench: "MakeBench"
) -> None:
    found = report(painter, make_bench)
    assert found["quality"]["seconds"] == 1.0
    assert found["quality"]["sharpness"] is not None
    assert any("against the source" in warning for warning in found["warnings"])


def test_a_review_that_fails_is_a_warning_and_costs_nothing(
    painter: "Painter", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(pictures: "Iterable[Picture]") -> Track:
        list(pictures)
        return Track(FACE[None], np.ones(1, np.bool_), np.ones(1, np.float32))

    monkeypatch.setattr(painter.tracker, "track", confused)
    found = report(painter, make_bench)
    assert found["quality"] is None
    assert any("The quality could not be measured: " in warning for warning in found["warnings"])


def broken(*_: object) -> NoReturn:
    raise ValueError("no such sample")


def test_what_to_look_at_that_cannot_be_decided_costs_nothing(
    painter: "Painter", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appraisal, "choose_windows", broken)
    found = report(painter, make_bench)
    assert found["quality"] is None
    (warning,) = found["warnings"]
    assert warning.startswith("The quality could not be measured: ValueError: no such sample (")


def test_a_strip_whose_moments_cannot_be_chosen_costs_the_strip_alone(
    painter: "Painter", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strip, "opening_changes", broken)
    found = report(painter, make_bench)
    assert found["quality"]["seconds"] == 1.0
    assert found["warnings"][0].startswith("The before/after picture could not be drawn: ")


def test_what_works_is_returned_and_what_fails_is_said() -> None:
    warnings: list[str] = []
    assert warn_on_failure("No sum", lambda: 1 + 1, warnings) == 2
    assert warnings == []
    assert warn_on_failure("No part", lambda: int("one"), warnings) is None
    (warning,) = warnings
    assert warning.startswith("No part: ValueError: invalid literal for int()")
