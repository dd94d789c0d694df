"""Timelines: constant rates picture by picture, variable rates by time, every kind of loop."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.config.choices import Loop
from heygem_daemon.media.timeline import (
    TOGETHER,
    Alignment,
    Timeline,
    align,
    build_timeline,
    constant_rate_indices,
    frame_count,
    looped_indices,
)

LOOPS: list[Loop] = ["pingpong", "restart", "freeze"]
loops = st.sampled_from(LOOPS)


def test_frame_count_rounds_half_up_and_is_never_zero() -> None:
    assert frame_count(Fraction(1), Fraction(25)) == 25
    assert frame_count(Fraction(1, 50), Fraction(25)) == 1
    assert frame_count(Fraction(3, 50), Fraction(25)) == 2
    assert frame_count(Fraction(0), Fraction(25)) == 1


@given(st.fractions(0, 10_000, max_denominator=48_000), st.integers(1, 120_000))
def test_rule_21_frame_count_is_within_half_a_frame_of_the_sound(
    duration: Fraction, rate: int
) -> None:
    fps = Fraction(rate, 1001)
    frames = frame_count(duration, fps)
    assert frames == 1 or abs(frames / fps - duration) <= Fraction(1, 2) / fps


def test_pingpong_shows_turning_pictures_once() -> None:
    assert looped_indices(9, 4, "pingpong").tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_restart_jumps_and_freeze_holds() -> None:
    assert looped_indices(6, 4, "restart").tolist() == [0, 1, 2, 3, 0, 1]
    assert looped_indices(6, 4, "freeze").tolist() == [0, 1, 2, 3, 3, 3]


@given(st.integers(0, 400), st.integers(1, 60), loops)
def test_a_longer_source_is_cut_and_all_indices_exist(
    frames: int, available: int, loop: Loop
) -> None:
    sources = looped_indices(frames, available, loop)
    assert len(sources) == frames
    first = min(frames, available)
    assert sources[:first].tolist() == list(range(first))
    assert ((sources >= 0) & (sources < available)).all()


@given(st.integers(2, 400), st.integers(2, 60))
def test_pingpong_never_jumps(frames: int, available: int) -> None:
    steps = np.diff(looped_indices(frames, available, "pingpong"))
    assert (np.abs(steps) == 1).all()


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 60), loops)
def test_a_shorter_sound_shows_the_beginning_of_the_same_timeline(
    frames: int, more: int, available: int, loop: Loop
) -> None:
    longer = looped_indices(frames + more, available, loop)
    assert longer[:frames].tolist() == looped_indices(frames, available, loop).tolist()


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        looped_indices(3, 0, "restart")


@given(st.sampled_from([Fraction(25), Fraction(30_000, 1001), Fraction(12)]), st.integers(1, 500))
def test_constant_rate_is_picture_by_picture_in_spite_of_millisecond_clocks(
    fps: Fraction, pictures: int
) -> None:
    times = np.array([round(float(i / fps), 3) for i in range(pictures)]) + 1.4
    assert constant_rate_indices(times, fps).tolist() == list(range(pictures))


def test_variable_rate_keeps_its_speed() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.6, 1.0])
    assert constant_rate_indices(times, Fraction(10)).tolist() == [0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]


def test_a_gap_holds_the_picture_before_it() -> None:
    times = np.array([0, 1, 2, 6, 7, 8]) / 25
    assert constant_rate_indices(times, Fraction(25)).tolist() == [0, 1, 2, 2, 2, 2, 3, 4, 5]


def test_twice_the_rate_shows_every_second_picture() -> None:
    shown = constant_rate_indices(np.arange(100) / 60, Fraction(30))
    assert shown.tolist() == list(range(0, 100, 2))


def test_variable_rate_loops_with_its_period_at_the_output_rate() -> None:
    times = np.array([0.0, 0.1, 0.4])
    timeline = build_timeline(times, Fraction(10), 9, "pingpong")
    assert timeline.source_indices.tolist() == [0, 1, 1, 1, 2, 1, 1, 1, 0]


@given(st.lists(st.floats(0.001, 0.5), min_size=0, max_size=40), st.integers(1, 200), loops)
def test_any_timestamps_give_the_specified_number_of_frames(
    steps: list[float], frames: int, loop: Loop
) -> None:
    times = np.concatenate([[0.0], np.cumsum(np.array(steps, dtype=np.float64))])
    timeline = build_timeline(times, Fraction(25), frames, loop)
    assert len(timeline) == frames
    assert timeline.duration == Fraction(frames, 25)
    assert (np.diff(constant_rate_indices(times, Fraction(25))) >= 0).all()
    assert timeline.source_indices.max() < len(times)


def test_rule_21_duration_is_exact() -> None:
    fps = Fraction(30_000, 1001)
    assert Timeline(fps, np.zeros(30_000, dtype=np.int32)).duration == 1001


SECOND = Fraction(1)


@pytest.mark.parametrize(
    ("sound", "picture", "alignment"),
    [
        ("0", "0", TOGETHER),
        ("0.5", "0", Alignment(Fraction(1, 2))),
        ("100.5", "100", Alignment(Fraction(1, 2))),
        ("0", "0.08", Alignment(held=2)),
        ("1.4", "1.43", Alignment(Fraction(1, 100), 1)),
        ("0", "0.004", TOGETHER),
        ("0.004", "0", TOGETHER),
        ("-0.021", "0", Alignment(Fraction(19, 1000), 1)),
        # Without a moment in common, one of the clocks is wrong.
        ("5000", "0", TOGETHER),
        ("0", "5000", TOGETHER),
    ],
)
def test_sound_and_pictures_of_one_file_keep_their_times(
    sound: str, picture: str, alignment: Alignment
) -> None:
    found = align((Fraction(sound), 3 * SECOND), (Fraction(picture), 4 * SECOND), Fraction(25))
    assert found == alignment


@given(st.fractions(-3, 3), st.integers(1, 120))
def test_aligned_sound_and_pictures_are_in_sync(later: Fraction, rate: int) -> None:
    found = align((later, 4 * SECOND), (Fraction(0), 4 * SECOND), Fraction(rate))
    assert abs(found.delay - Fraction(found.held, rate) - later) <= Fraction(5, 1000)
    assert found.delay >= 0
    assert found.held >= 0


def test_the_first_picture_is_held_until_the_video_begins() -> None:
    times = np.arange(4) / 25
    held = build_timeline(times, Fraction(25), 8, "restart", held=3)
    assert held.source_indices.tolist() == [0, 0, 0, 0, 1, 2, 3, 0]
    assert build_timeline(times, Fraction(25), 2, "freeze", held=3).source_indices.tolist() == [
        0,
        0,
    ]
