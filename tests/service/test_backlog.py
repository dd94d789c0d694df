"""What waits for what, as status, systemd and metrics tell it."""

from heygem_daemon.protocol import Deferred, FromWorker, Progress, Render
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness


def metrics(harness: ServiceHarness) -> dict[str, float]:
    text = (harness.spool.state / "metrics.prom").read_text()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def drawing(render: Render) -> list[FromWorker]:
    return [
        Progress(
            job_id=render.job_id,
            stage="render",
            chunk=1,
            chunks=3,
            frames=420,
            total_frames=1000,
            fps=580 / 180,
        )
    ]


def test_all_that_waits_is_counted_wherever_it_lies(harness: ServiceHarness) -> None:
    harness.configure(lone_file_minutes=0.1)
    harness.executor.answer = lambda render: [*drawing(render)]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 8)
    for number in range(27):
        harness.drop(f"p{number:02d}.wav", f"p{number:02d}.mp4")
    harness.drop(*(f"alone{number}.wav" for number in range(4)))
    harness.run_rounds(service, 20)
    # Of the whole job: 42 % of the frames are drawn, and the result has to be checked.
    line = "talk 65 %, 8 min left; 27 pairs wait, 4 files need attention"
    status = harness.status()
    assert status.summary() == line
    assert f"STATUS={line}" in harness.notifier.sent
    found = metrics(harness)
    assert found["heygem_waiting_pairs"] == 27
    assert found["heygem_needing_attention"] == found['heygem_waiting{for="attention"}'] == 4
    assert found['heygem_waiting{for="turn"}'] == 27
    assert found["heygem_oldest_waiting_time_seconds"] > 0
    assert [job.percent for job in status.jobs if job.state == "running"] == [65]


def test_a_queue_that_waits_for_a_full_disk_is_on_hold(harness: ServiceHarness) -> None:
    harness.executor.answer = lambda render: [
        Deferred(job_id=render.job_id, reason="the disk is full")
    ]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    status = harness.status()
    assert (status.state, status.hold) == ("holding", "the disk is full")
    assert status.summary() == "holding: the disk is full; 1 pair waits"
    found = metrics(harness)
    assert found["heygem_on_hold"] == 1
    assert found['heygem_waiting{for="pause"}'] == 1
    harness.executor.answer = keep_running
    harness.run_rounds(service, 20)
    assert (harness.status().state, metrics(harness)["heygem_on_hold"]) == ("working", 0)


def test_memory_that_is_missing_is_told_apart_from_a_turn(harness: ServiceHarness) -> None:
    harness.free_memory = 0
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), 10)
    assert harness.status().backlog.pairs == {"memory": 1}
    assert harness.status().state == "holding"


def test_files_that_arrive_are_no_pairs_yet(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 2)
    assert harness.status().summary() == "idle; 2 files are not complete"


def test_files_that_a_new_daemon_finds_may_be_complete(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), 2)
    assert harness.status().summary() == "idle; 2 files are looked at"
