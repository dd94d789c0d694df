"""The service as a whole: from a pair in the inbox to a result in the outbox."""

import json
from pathlib import Path

from heygem_daemon.gpu.placement import CPU
from tests.fakes.executor import defer, keep_running, rendered
from tests.fakes.service import ServiceHarness


def test_a_pair_becomes_a_result(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left, summary.hold) == (1, 0, 0, None)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert (harness.spool.outbox / "talk.mp4").read_bytes() == b"video of talk.wav"
    assert harness.processing() == 0
    assert not list(harness.spool.inbox.iterdir())


def test_the_report_tells_the_jobs_history(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.service().run_once()
    report = json.loads((harness.spool.outbox / "talk.json").read_text())
    assert (report["name"], report["attempts"], report["coverage"]) == ("talk", 1, 1.0)
    assert report["inputs"]["audio"]["name"] == "talk.wav"
    assert "rendering on the CPU" in report["device_notice"]


def test_the_log_has_a_line_for_each_event(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.service().run_once()
    for event in (
        "INFO heygem-daemon 0.1.0 started",
        "INFO job claimed",
        "INFO job started on CPU, attempt 1",
        "INFO model loaded: engine builtin on CPU (cpu), float32, 300 MiB RAM, in 1.5 s",
        "INFO chunk 1/2 at 3.0 fps",
        "INFO chunk 2/2 at 3.5 fps",
        "WARNING Teeth are painted.",
        "INFO published as talk.mp4",
    ):
        assert harness.logged(event) == 1, event
    assert harness.logged("'job': 'talk'") >= 5


def test_jobs_go_one_after_the_other_in_the_order_of_arrival(harness: ServiceHarness) -> None:
    for name in ("c", "a", "b"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    summary = harness.service().run_once()
    assert summary.published == 3
    audios = [harness.spool.outbox / f"{name}.mp4" for name in ("c", "a", "b")]
    assert [path.read_bytes() for path in audios] == [
        b"video of c.wav",
        b"video of a.wav",
        b"video of b.wav",
    ]


def test_only_as_much_is_claimed_as_can_start_soon(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    for number in range(6):
        harness.drop(f"{number}.wav", f"{number}.mp4")
    harness.run_rounds(harness.service(), 20)
    assert harness.processing() == 3
    states = [job.state for job in harness.status().jobs]
    assert states == ["running", "queued", "queued"]
    assert [(each.name, each.reason) for each in harness.status().inbox] == [
        (name, "waits for its turn") for name in ("3", "4", "5")
    ]


def test_the_highest_priority_goes_first_and_interrupts_nothing(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    service = harness.service()
    for name in ("1", "2", "3", "4"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    harness.run_rounds(service, 10)
    harness.drop("5.wav", "5.mp4")
    (harness.spool.inbox / "5.toml").write_text("priority = 1")
    harness.drop("6.wav", "6.mp4")
    (harness.spool.inbox / "6.toml").write_text("priority = 9")
    harness.run_rounds(service, 10)
    (running,) = harness.executor.busy.values()
    assert [(job.name, job.state, job.priority) for job in harness.status().jobs] == [
        ("1", "running", 0), ("6", "queued", 9), ("5", "queued", 1), ("2", "queued", 0),
        ("3", "queued", 0),
    ]  # fmt: skip
    harness.executor.answer = rendered
    for message in rendered(harness.executor.submitted[0]):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 20)
    order = [Path(render.audio).parent.name for render in harness.executor.submitted]
    names = {journal.id: journal.name for journal in harness.spool.latest_published()}
    assert [names[identity] for identity in order] == ["1", "6", "5", "2", "3", "4"]
    assert order[0] == running


def test_once_with_an_empty_inbox_ends(harness: ServiceHarness) -> None:
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left, summary.hold) == (0, 0, 0, None)


def test_once_ends_though_many_jobs_are_deferred(harness: ServiceHarness) -> None:
    harness.executor.answer = defer
    for number in range(5):
        harness.drop(f"{number}.wav", f"{number}.mp4")
    assert harness.service().run_once().left == 5


def test_once_leaves_a_deferred_job_for_the_next_start(harness: ServiceHarness) -> None:
    harness.executor.answer = defer
    harness.drop("talk.wav", "talk.mp4")
    assert harness.service().run_once().left == 1
    harness.executor.answer = rendered
    assert harness.service().run_once().published == 1


def test_once_ends_with_pairs_in_the_inbox_where_no_device_can_take_them(
    harness: ServiceHarness,
) -> None:
    harness.configure(device="cuda")
    for number in range(5):
        harness.drop(f"{number}.wav", f"{number}.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.left) == (0, 5)


def test_ready_is_said_after_the_recovery_and_life_in_every_round(harness: ServiceHarness) -> None:
    service = harness.service()
    service.request_stop()
    service.run()
    messages = [line for line in harness.notifier.sent if not line.startswith("STATUS")]
    assert messages[0] == "WATCHDOG=1"
    assert messages.index("READY=1") < messages.index("STOPPING=1")


def test_the_status_shows_news_within_a_second_and_life_always(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 30)
    assert harness.status().is_fresh(harness.clock.wall())
    harness.drop("talk.wav")
    harness.run_rounds(service, 2.5)
    assert [each.name for each in harness.status().inbox] == ["talk.wav"]


def test_old_results_go_every_hour(harness: ServiceHarness) -> None:
    harness.configure(retention_days=1)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    assert len(harness.outbox()) == 3
    harness.clock.now += 86_400
    harness.run_rounds(service, 2)
    assert harness.outbox() == []
    assert harness.logged("purged") == 1


def test_retention_of_zero_days_keeps_everything(harness: ServiceHarness) -> None:
    harness.configure(retention_days=0)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    harness.clock.now += 1000 * 86_400
    harness.run_rounds(service, 2)
    assert len(harness.outbox()) == 3
