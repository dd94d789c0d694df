from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.service.runtime import Clock
from heygem_daemon.service.sweeper import (
    CLOCK_JUMP_PAUSE_SECONDS,
    REST_SECONDS,
    SLICE_SECONDS,
    Sweeper,
)
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import save_journal
from heygem_daemon.spool.spool import Spool

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

DAY = 86_400.0


class Stopwatch(Clock):
    """Each look at it takes ten milliseconds; ``wall`` can be set apart."""

    def __init__(self) -> None:
        self.now = 0.0
        self.offset = 1_795_000_000.0

    def monotonic(self) -> float:
        self.now += 0.01
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def spool(tmp_path: Path, clock: Stopwatch) -> Spool:
    found = Spool(tmp_path / "spool", clock.wall)
    found.prepare()
    return found


@pytest.fixture
def done(spool: Spool, clock: Stopwatch) -> Callable[[int], None]:
    """Put finished jobs into done/."""

    def put(count: int) -> None:
        for number in range(count):
            folder = spool.done / f"job {number}"
            folder.mkdir()
            journal = Journal(
                id=str(number), name=folder.name, audio_name="a.wav", video_name="a.mp4",
                claimed_at=0, outcome="published", completed_at=clock.wall(),
            )  # fmt: skip
            save_journal(spool.files, folder, journal)

    return put


def _left(spool: Spool) -> int:
    return len(list(spool.done.iterdir()))


def test_a_sweep_is_cut_into_slices_that_end_in_time(
    spool: Spool, clock: Stopwatch, done: Callable[[int], None]
) -> None:
    sweeper = Sweeper(spool, 7, clock)
    done(20)
    clock.now += 8 * DAY
    left = []
    for _ in range(20):
        before = clock.now
        sweeper.run_slice(None)
        assert clock.now - before <= SLICE_SECONDS + 0.05
        left.append(_left(spool))
    assert 0 < left[0] < 20
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_the_next_sweep_comes_an_hour_later(
    spool: Spool, clock: Stopwatch, done: Callable[[int], None]
) -> None:
    sweeper = Sweeper(spool, 7, clock)
    sweeper.run_slice(None)
    done(1)
    clock.offset -= 8 * DAY
    clock.now += 16 * DAY
    sweeper.run_slice(None)
    assert _left(spool) == 0
    done(1)
    clock.now += REST_SECONDS / 2
    sweeper.run_slice(None)
    assert _left(spool) == 1


def test_a_clock_that_is_set_forward_deletes_nothing_for_a_day(
    spool: Spool, clock: Stopwatch, done: Callable[[int], None], stage: "ServiceHarness"
) -> None:
    sweeper = Sweeper(spool, 7, clock)
    done(3)
    sweeper.run_slice(None)
    clock.now += 2 * REST_SECONDS
    clock.offset += 10_000 * DAY
    for _ in range(3):
        sweeper.run_slice(None)
        clock.now += REST_SECONDS
    assert _left(spool) == 3
    assert stage.logged("WARNING the clock was set forward by 240000.0 h") == 1
    clock.now += CLOCK_JUMP_PAUSE_SECONDS
    sweeper.run_slice(None)
    assert _left(spool) == 0


def test_a_sweep_goes_on_beside_jobs(stage: "ServiceHarness") -> None:
    stage.configure(retention_days=1)
    stage.drop("old.wav", "old.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    stage.clock.now += DAY
    stage.drop("new.wav", "new.mp4")
    stage.run_rounds(service, 10)
    assert stage.outbox() == ["new.json", "new.mp4", "new.png"]
    assert stage.logged("purged 4 expired files and folders") == 1
