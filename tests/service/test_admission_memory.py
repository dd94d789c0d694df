"""Jobs that wait for main memory."""

import shutil

import pytest

from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.gpu.needs import ESTIMATE, Need, save_need
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.placement_request import PlacementRequest
from heygem_daemon.service.admission import MemoryCheck, MemoryShare, build_memory_shares
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.system.units import GIB
from tests.fakes.service import ServiceHarness


class Machine:
    """A machine whose memory the test sets."""

    def __init__(self, available: float, total: float = 16) -> None:
        self.free, self.all = available, total
        self.memory = MemoryCheck(lambda: round(self.free * GIB), lambda: round(self.all * GIB))

    def is_short(
        self, need: float, has: float = 0, running: tuple[tuple[float, float], ...] = ()
    ) -> bool:
        shares = [MemoryShare(round(needed * GIB), round(held * GIB)) for needed, held in running]
        self.memory.begin_round()
        share = MemoryShare(round(need * GIB), round(has * GIB))
        is_short = self.memory.find_shortage(share, shares) is not None
        self.memory.end_round(has_queued=is_short, is_running=bool(shares))
        return is_short


@pytest.mark.parametrize(
    ("available", "need", "has", "running", "waits"),
    [
        (4.0, 3.0, 0.0, (), False),
        (2.0, 3.0, 0.0, (), True),
        (2.0, 3.0, 1.5, (), False),
        (4.0, 3.0, 0.0, ((3.0, 1.0),), True),
        (4.0, 3.0, 0.0, ((3.0, 2.0),), False),
        (4.0, 3.0, 0.0, ((3.0, 5.0),), False),
    ],
    ids=[
        "enough",
        "too little",
        "what the idle worker has counts",
        "another job will take the rest",
        "another job has most of its own",
        "another job has more than was thought",
    ],
)
def test_a_job_waits_where_memory_is_scarce(
    available: float, need: float, has: float, running: tuple[tuple[float, float], ...], waits: bool
) -> None:
    assert Machine(available).is_short(need, has, running) == waits


def test_a_job_that_needs_more_than_there_is_may_try_alone() -> None:
    machine = Machine(available=2, total=2.5)
    assert not machine.is_short(3)
    assert machine.is_short(3, running=((3.0, 3.0),))


def test_an_estimate_alone_keeps_nobody_waiting() -> None:
    share = MemoryShare(3 * GIB, is_measured=False)
    assert MemoryCheck(lambda: 2 * GIB, lambda: 16 * GIB).find_shortage(share, []) is None
    assert (
        MemoryCheck(lambda: 2 * GIB, lambda: 16 * GIB).find_shortage(share, [MemoryShare(1)])
        is not None
    )
    assert MemoryCheck(lambda: GIB // 2, lambda: 16 * GIB).find_shortage(share, []) is not None


def test_the_reason_is_kept_until_there_is_memory_and_names_the_figures() -> None:
    machine = Machine(1.5)
    assert machine.is_short(3)
    assert machine.memory.hold == "1.5 GiB of memory are free; the next job needs up to 3.0"
    machine.free = 8
    assert not machine.is_short(3)
    assert machine.memory.hold is None


def test_beside_a_running_job_the_queue_is_not_held() -> None:
    machine = Machine(1.5)
    assert machine.is_short(3, running=((1.0, 1.0),))
    assert machine.memory.hold is None


def test_the_shares_are_of_the_worker_that_gets_the_job_and_of_those_at_work() -> None:
    held = [
        WorkerOccupancy(None, 1, True),
        WorkerOccupancy("GPU-a", 2, True),
        WorkerOccupancy("GPU-b", 3, False),
    ]
    wish = PlacementRequest("builtin", lambda name: ESTIMATE)
    mine, others = build_memory_shares(wish, CPU, held, {1: 10, 2: 20, 3: 30})
    assert mine == MemoryShare(ESTIMATE.host_bytes, 10, is_measured=False)
    assert others == [MemoryShare(ESTIMATE.host_bytes, 30, is_measured=False)]
    mine, others = build_memory_shares(wish, CPU, [], {})
    assert (mine, others) == (MemoryShare(ESTIMATE.host_bytes, is_measured=False), [])


def test_a_job_waits_in_the_queue_until_there_is_memory(harness: ServiceHarness) -> None:
    harness.free_memory = GIB // 2
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    assert harness.executor.submitted == []
    assert "0.5 GiB of memory are free" in (harness.status().hold or "")
    harness.free_memory = 8 * GIB
    harness.run_rounds(service, 60)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert sum("jobs wait for memory" in line for line in harness.log) == 1


@pytest.fixture
def greedy(harness: ServiceHarness) -> ServiceHarness:
    """A machine with 8 GiB free, where a job of the engine wav2lip needs 20 GiB."""
    harness.free_memory = 8 * GIB
    stamp = weights_fingerprint(shipped_weights(), harness.settings.checkpoints)
    need = Need(resident_bytes=0, per_frame_bytes=0, host_bytes=20 * GIB, measured=True)
    save_need(harness.spool.cache, "wav2lip", stamp, "CPU", need)
    return harness


def drop_greedy(harness: ServiceHarness, *names: str) -> None:
    for name in names:
        harness.drop(f"{name}.wav", f"{name}.mp4")
        (harness.spool.inbox / f"{name}.toml").write_text('engine = "wav2lip"\n')


def videos(harness: ServiceHarness) -> list[str]:
    return [name for name in harness.outbox() if name.endswith(".mp4")]


def test_a_job_that_waits_for_memory_keeps_no_other_waiting(greedy: ServiceHarness) -> None:
    drop_greedy(greedy, "a")
    service = greedy.service()
    greedy.run_rounds(service, 20)
    hold = greedy.status().hold or ""
    assert hold == "8.0 GiB of memory are free; the next job needs up to 20.0"
    for number in range(3):
        greedy.drop(f"b{number}.wav", f"b{number}.mp4")
    greedy.run_rounds(service, 30)
    assert videos(greedy) == ["b0.mp4", "b1.mp4", "b2.mp4"]
    (job,) = greedy.status().jobs
    assert (job.name, job.state, job.reason) == ("a", "queued", hold)
    assert greedy.logged("jobs wait for memory") == 1
    assert greedy.logged("there is memory again") == 0
    greedy.free_memory = 32 * GIB
    greedy.run_rounds(service, 5)
    assert len(videos(greedy)) == 4
    assert greedy.logged("there is memory again") == 1


def test_jobs_that_wait_for_memory_keep_no_other_from_being_claimed(
    greedy: ServiceHarness,
) -> None:
    drop_greedy(greedy, *(f"a{number}" for number in range(8)))
    folder = greedy.drop_batch("big", "voice.wav", "one.mp4")
    (folder / "job.toml").write_text('engine = "wav2lip"\n')
    service = greedy.service()
    greedy.run_rounds(service, 20)
    for number in range(5):
        greedy.drop(f"s{number}.wav", f"s{number}.mp4")
    greedy.run_rounds(service, 30)
    assert videos(greedy) == [f"s{number}.mp4" for number in range(5)]
    assert greedy.processing() <= 3, "what waits for memory is claimed within bounds"
    assert greedy.status().backlog.pairs["memory"] == greedy.processing()
    greedy.free_memory = 32 * GIB
    greedy.run_rounds(service, 60)
    assert greedy.processing() == 0
    assert len(videos(greedy)) == 5 + 8


def test_a_waiting_job_that_is_taken_away_leaves_no_hold(harness: ServiceHarness) -> None:
    harness.free_memory = GIB // 2
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    (folder,) = harness.spool.processing.iterdir()
    shutil.rmtree(folder)
    harness.run_rounds(service, 10)
    assert harness.status().hold is None
    assert harness.logged("there is memory again") == 0
