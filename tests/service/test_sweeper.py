from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.service.clock_guard import CONFIRM_SECONDS, ClockGuard
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.sweeper import (
    REST_SECONDS,
    SLICE_SECONDS,
    Sweeper,
)
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import save_journal
from heygem_daemon.spool.record_store import save_record
from heygem_daemon.spool.records import JobRecord, describe_files, recorded_folder
from heygem_daemon.spool.spool import Spool
from tests.fakes.clock import FakeClock
from tests.fakes.service import ServiceHarness

DAY = 86_400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(0.0, 1_795_000_000.0, tick_seconds=0.01)


@pytest.fixture
def spool(tmp_path: Path, clock: FakeClock) -> Spool:
    found = Spool(tmp_path / "spool", clock.wall)
    found.prepare()
    return found


@pytest.fixture
def done(spool: Spool, clock: FakeClock) -> Callable[[int], None]:
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
            location = ("done", folder.name)
            record = JobRecord(
                journal=journal,
                location=location,
                files=tuple(describe_files(folder, [("job.json",)], location)),
                folders=(recorded_folder(location, folder),),
            )
            save_record(spool, spool.files, record)

    return put


def new_sweeper(spool: Spool, clock: FakeClock, days: float = 7) -> Sweeper:
    """A sweeper on a machine that nobody synchronizes."""
    guard = ClockGuard(spool, days, clock, lambda: None)
    return Sweeper(spool, days, clock, guard, ItemFaults())


def _left(spool: Spool) -> int:
    return len(list(spool.done.iterdir()))


def test_a_sweep_is_cut_into_slices_that_end_in_time(
    spool: Spool, clock: FakeClock, done: Callable[[int], None]
) -> None:
    sweeper = new_sweeper(spool, clock)
    sweeper.run_slice(None)
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
    spool: Spool, clock: FakeClock, done: Callable[[int], None]
) -> None:
    sweeper = new_sweeper(spool, clock)
    sweeper.run_slice(None)
    done(1)
    clock.wall_offset -= 8 * DAY
    clock.now += 16 * DAY
    sweeper.run_slice(None)
    assert _left(spool) == 0
    done(1)
    clock.now += REST_SECONDS / 2
    sweeper.run_slice(None)
    assert _left(spool) == 1


def test_a_clock_that_is_set_forward_deletes_nothing_for_a_day(
    spool: Spool, clock: FakeClock, done: Callable[[int], None], harness: ServiceHarness
) -> None:
    sweeper = new_sweeper(spool, clock)
    done(3)
    sweeper.run_slice(None)
    clock.now += 2 * REST_SECONDS
    clock.wall_offset += 10_000 * DAY
    for _ in range(3):
        sweeper.run_slice(None)
        clock.now += REST_SECONDS
    assert _left(spool) == 3
    assert harness.logged("WARNING the clock was set forward by 240000.0 h") == 1
    clock.now += CONFIRM_SECONDS
    sweeper.run_slice(None)
    assert _left(spool) == 0


def test_a_sweep_goes_on_beside_jobs(harness: ServiceHarness) -> None:
    harness.configure(retention_days=1)
    harness.drop("old.wav", "old.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    harness.clock.now += DAY
    harness.drop("new.wav", "new.mp4")
    harness.run_rounds(service, 10)
    assert harness.outbox() == ["new.json", "new.mp4", "new.png"]
    assert harness.logged("expired files and folders purged: 4") == 1
