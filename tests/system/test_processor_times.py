"""How busy the processors are."""

import time
from pathlib import Path

import pytest

from heygem_daemon.system.processor_times import ProcessorTimes, read_processor_times


def test_waiting_for_a_disk_is_idle_and_time_of_guests_counts_once(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 700 50 4 3 2 60 10\ncpu0 1 1 1 1\n")
    assert read_processor_times(tmp_path) == ProcessorTimes(159, 909)


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "cpu  a b c d e f g h\n"])
def test_what_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    assert read_processor_times(tmp_path) is None
    (tmp_path / "stat").write_text(text)
    assert read_processor_times(tmp_path) is None


def test_the_share_of_the_time_between_two_moments() -> None:
    before = ProcessorTimes(100, 1000)
    assert ProcessorTimes(130, 1040).percent_since(before) == 75
    assert before.percent_since(before) == 0
    assert ProcessorTimes(90, 1040).percent_since(before) == 0  # some counters of Linux go back


def test_this_machine_shows_a_busy_process() -> None:
    before, end = read_processor_times(), time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
    after = read_processor_times()
    assert before is not None
    assert after is not None
    assert 0 < after.percent_since(before) <= 100
