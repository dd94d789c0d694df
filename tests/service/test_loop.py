"""The daemon's rules, played through with a real spool and obedient workers."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from heygem_daemon.errors import SpoolBusy, SpoolUnavailable
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.protocol import Crashed, Deferred, FromWorker, Refused, Render, Unfit
from heygem_daemon.spool.job import Pair
from heygem_daemon.worker.executor import WorkerDied

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

Messages = list[FromWorker | WorkerDied]


def crash(render: Render) -> Messages:
    return [Crashed(job_id=render.job_id, error="KeyError: 7", traceback="Traceback …\n  here")]


def die(render: Render) -> Messages:
    return [WorkerDied("was killed by signal 11 (SIGSEGV)", render.job_id, ("last words",))]


def refuse(render: Render) -> Messages:
    return [Refused(job_id=render.job_id, reason="No face was found.", remedy="Show one.")]


def defer(render: Render) -> Messages:
    return [Deferred(job_id=render.job_id, reason="The disk is full.")]


def test_a_pair_becomes_a_result(stage: "ServiceHarness") -> None:
    stage.drop("talk.wav", "talk.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left, tally.hold) == (1, 0, 0, None)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert (stage.spool.outbox / "talk.mp4").read_bytes() == b"video of talk.wav"
    assert stage.processing() == 0
    assert not list(stage.spool.inbox.iterdir())


def test_the_report_tells_the_jobs_history(stage: "ServiceHarness") -> None:
    stage.drop("talk.wav", "talk.mp4")
    stage.service().run_once()
    report = json.loads((stage.spool.outbox / "talk.json").read_text())
    assert (report["name"], report["attempts"], report["coverage"]) == ("talk", 1, 1.0)
    assert report["inputs"]["audio"]["name"] == "talk.wav"
    assert "rendering on the CPU" in report["device_notice"]


def test_the_log_has_a_line_for_each_event(stage: "ServiceHarness") -> None:
    stage.drop("talk.wav", "talk.mp4")
    stage.service().run_once()
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
        assert stage.logged(event) == 1, event
    assert stage.logged("'job': 'talk'") >= 5


def test_a_pair_is_left_alone_until_it_is_settled(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.run_rounds(service, 1)
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 4)
    assert stage.executor.submitted == []
    assert stage.status().inbox[0].name == "talk.mp4"
    stage.run_rounds(service, 4)
    assert len(stage.executor.submitted) == 1


def test_jobs_go_one_after_the_other_in_the_order_of_arrival(stage: "ServiceHarness") -> None:
    for name in ("c", "a", "b"):
        stage.drop(f"{name}.wav", f"{name}.mp4")
    tally = stage.service().run_once()
    assert tally.published == 3
    audios = [stage.spool.outbox / f"{name}.mp4" for name in ("c", "a", "b")]
    assert [path.read_bytes() for path in audios] == [
        b"video of c.wav",
        b"video of a.wav",
        b"video of b.wav",
    ]


def test_only_as_much_is_claimed_as_can_start_soon(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    for number in range(6):
        stage.drop(f"{number}.wav", f"{number}.mp4")
    stage.run_rounds(stage.service(), 20)
    assert stage.processing() == 3
    states = [job.state for job in stage.status().jobs]
    assert states == ["running", "queued", "queued"]
    turn = "is complete and waits for its turn"
    assert [(each.name, each.reason) for each in stage.status().inbox] == [
        ("3", turn),
        ("4", turn),
        ("5", turn),
    ]


def test_bad_input_fails_at_once_with_the_reason(stage: "ServiceHarness") -> None:
    stage.executor.answer = refuse
    stage.drop("talk.wav", "talk.mp4")
    tally = stage.service().run_once()
    assert tally.failed == 1
    assert len(stage.executor.submitted) == 1
    reason = (stage.spool.failed / "talk" / "reason.txt").read_text()
    assert "No face was found." in reason
    assert "Show one." in reason
    assert stage.logged("ERROR failed: No face was found.") == 1


@pytest.mark.parametrize(("trouble", "said"), [(crash, "KeyError: 7"), (die, "SIGSEGV")])
def test_a_crash_costs_an_attempt_and_the_last_one_fails_the_job(
    stage: "ServiceHarness", trouble: Callable[[Render], Messages], said: str
) -> None:
    stage.executor.answer = trouble
    stage.drop("talk.wav", "talk.mp4")
    tally = stage.service().run_once()
    assert (tally.failed, tally.left) == (1, 0)
    assert len(stage.executor.submitted) == 3
    reason = (stage.spool.failed / "talk" / "reason.txt").read_text()
    assert "crashed in 3 attempts" in reason
    assert said in reason
    assert stage.logged("ERROR attempt failed") == 3


def test_one_crash_is_forgiven(stage: "ServiceHarness") -> None:
    def once(render: Render) -> Messages:
        return crash(render) if len(stage.executor.submitted) == 1 else stage.rendered(render)

    stage.executor.answer = once
    stage.drop("talk.wav", "talk.mp4")
    assert stage.service().run_once().published == 1
    assert json.loads((stage.spool.outbox / "talk.json").read_text())["attempts"] == 2


def test_a_bad_job_does_not_keep_the_others_waiting(stage: "ServiceHarness") -> None:
    def bad_first(render: Render) -> Messages:
        bad = Path(render.audio).read_bytes() == b"a.wav"
        return crash(render) if bad else stage.rendered(render)

    stage.executor.answer = bad_first
    stage.drop("a.wav", "a.mp4")
    service = stage.service()
    stage.run_rounds(service, 1)
    stage.drop("b.wav", "b.mp4", "c.wav", "c.mp4")
    tally = service.run_once()
    assert (tally.published, tally.failed) == (2, 1)


def test_an_environment_fault_costs_no_attempt_and_backs_off(stage: "ServiceHarness") -> None:
    stage.executor.answer = defer
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 200)
    # After the settling: at once, then 5, 10, 20, 40 and 80 s later.
    assert len(stage.executor.submitted) == 6
    (job,) = stage.status().jobs
    assert (job.state, job.attempt, job.reason) == ("deferred", 0, "The disk is full.")
    assert job.retry_seconds is not None
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 200)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_deferred_job_lets_others_pass(stage: "ServiceHarness") -> None:
    def first_waits(render: Render) -> Messages:
        waits = Path(render.audio).read_bytes() == b"a.wav"
        return defer(render) if waits else stage.rendered(render)

    stage.executor.answer = first_waits
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left) == (2, 0, 1)


def test_once_leaves_a_deferred_job_for_the_next_start(stage: "ServiceHarness") -> None:
    stage.executor.answer = defer
    stage.drop("talk.wav", "talk.mp4")
    assert stage.service().run_once().left == 1
    stage.executor.answer = stage.rendered
    assert stage.service().run_once().published == 1


def test_an_engine_that_cannot_be_loaded_holds_the_queue_loudly(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: [Unfit(reason="The weights are missing.")]
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    service = stage.service()
    stage.run_rounds(service, 9)
    assert len(stage.executor.submitted) == 1
    assert "The weights are missing" in (stage.status().hold or "")
    assert stage.status().state == "holding"
    assert stage.logged("ERROR CPU gets no job for 5 s: the engine could not be loaded: The") == 1
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 30)
    assert stage.status().hold is None
    assert len(stage.outbox()) == 6


def test_what_was_under_way_is_taken_up_at_the_next_start(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    stage.drop("talk.wav", "talk.mp4")
    killed = stage.service()
    stage.run_rounds(killed, 10)
    assert stage.processing() == 1
    killed._open_resources.close()  # the kernel gives the lock of a killed process back
    stage.executor.workers.clear()
    stage.executor.answer = stage.rendered
    assert stage.service().run_once().published == 1
    assert json.loads((stage.spool.outbox / "talk.json").read_text())["attempts"] == 2


def test_a_job_that_kills_the_daemon_itself_is_given_up(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    stage.drop("talk.wav", "talk.mp4")
    for _ in range(3):
        killed = stage.service()
        stage.run_rounds(killed, 10)
        killed._open_resources.close()
        stage.executor.workers.clear()
    tally = stage.service().run_once()
    assert tally.failed == 1
    assert len(stage.executor.submitted) == 3
    assert "daemon itself ended" in (stage.spool.failed / "talk" / "reason.txt").read_text()


def test_a_stop_keeps_the_job_and_its_attempts(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    service.request_stop()
    service.run()
    assert stage.executor.halted
    assert stage.executor.closed
    assert stage.processing() == 1
    assert stage.status().state == "stopped"
    assert stage.notifier.sent[-2:] != []
    assert "STOPPING=1" in stage.notifier.sent
    (job,) = stage.status().jobs
    assert job.attempt == 0


def test_a_worker_that_outlasts_the_stop_costs_no_attempt(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    stage.executor.halt = lambda: None  # type: ignore[method-assign]
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    before = stage.clock.now
    service.request_stop()
    service.run()
    assert stage.clock.now - before >= stage.settings.stop_seconds
    assert stage.status().jobs[0].attempt == 0


def test_a_result_that_comes_while_stopping_is_published(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []

    def finish() -> None:
        for message in stage.rendered(stage.executor.submitted[-1]):
            stage.executor.emit(CPU, message)

    stage.executor.halt = finish  # type: ignore[method-assign]
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    service.request_stop()
    service.run()
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


@pytest.mark.parametrize("stem", [b"a\xffb", b"line\nbreak", "王 🎬 'x'".encode(), b"-rf"])
def test_any_name_gets_through(stage: "ServiceHarness", stem: bytes) -> None:
    name = os.fsdecode(stem)
    stage.drop(f"{name}.wav", f"{name}.mp4", f"{name} lone.wav")
    service = stage.service()
    stage.run_rounds(service, 12)
    (result,) = [path for path in stage.spool.outbox.iterdir() if path.suffix == ".json"]
    json.loads(result.read_bytes().decode("utf-8"))
    assert stage.status().finished[0].outcome == "published"
    assert "lone.wav" in stage.status().inbox[0].name
    assert all(line.count("\n") == 1 for line in stage.log)


def test_a_lone_file_is_reported_once_and_waits(stage: "ServiceHarness") -> None:
    stage.configure(lone_file_minutes=1)
    stage.drop("talk.wav")
    service = stage.service()
    stage.run_rounds(service, 30)
    assert stage.logged("has no video") == 0
    assert "has no video" in stage.status().inbox[0].reason
    stage.run_rounds(service, 120)
    assert stage.logged("WARNING has no video of the same name beside it") == 1
    stage.drop("talk.mp4")
    stage.run_rounds(service, 20)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_without_patience_a_lone_file_is_reported_when_it_is_settled(
    stage: "ServiceHarness",
) -> None:
    stage.configure(lone_file_minutes=0)
    stage.drop("talk.wav", "other.wav", "other.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.left, tally.hold) == (1, 0, None)
    assert stage.logged("has no video") == 1
    assert [path.name for path in stage.spool.inbox.iterdir()] == ["talk.wav"]


def test_once_with_an_empty_inbox_ends(stage: "ServiceHarness") -> None:
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left, tally.hold) == (0, 0, 0, None)


def test_strange_things_in_the_inbox_are_said_once(stage: "ServiceHarness") -> None:
    stage.drop("notes.txt", "a.wav", "a.mp3", "a.mp4")
    (stage.spool.inbox / "batch").mkdir()
    stage.configure(lone_file_minutes=0.2)
    stage.run_rounds(stage.service(), 30)
    assert stage.logged("is neither an audio nor a video file") == 1
    assert stage.logged("is a folder that holds no audio and no video") == 1
    assert stage.logged("cannot be paired") == 3


def test_no_gpu_is_said_once_and_in_each_report(stage: "ServiceHarness") -> None:
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    stage.service().run_once()
    assert stage.logged("WARNING there is no GPU") == 1
    for name in ("a", "b"):
        report = json.loads((stage.spool.outbox / f"{name}.json").read_text())
        assert "there is no GPU" in report["device_notice"]


def test_device_cuda_without_a_gpu_holds_the_queue_and_says_why(stage: "ServiceHarness") -> None:
    stage.configure(device="cuda")
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 60)
    assert stage.executor.submitted == []
    assert "there is no GPU" in (stage.status().hold or "")
    assert stage.logged("WARNING jobs wait for a device") == 1
    tally = service.run_once()
    assert (tally.published, tally.left) == (0, 1)


def test_once_ends_with_pairs_in_the_inbox_where_no_device_can_take_them(
    stage: "ServiceHarness",
) -> None:
    stage.configure(device="cuda")
    for number in range(5):
        stage.drop(f"{number}.wav", f"{number}.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.left) == (0, 5)


def test_once_ends_though_many_jobs_are_deferred(stage: "ServiceHarness") -> None:
    stage.executor.answer = defer
    for number in range(5):
        stage.drop(f"{number}.wav", f"{number}.mp4")
    assert stage.service().run_once().left == 5


def test_a_full_gpu_is_waited_for(stage: "ServiceHarness", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)

    def gpu(free_gib: float) -> Readings:
        return Readings(
            gpus=(GpuReading("GPU-1", 0, "H200", total=140 << 30, free=int(free_gib * 2**30)),)
        )

    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    for free in (1.0, 1.5, 0.5):
        stage.readings = gpu(free)
        stage.run_rounds(service, 10)
    assert stage.executor.submitted == []
    assert stage.logged("WARNING jobs wait for a device") == 1
    assert "GiB free" in (stage.status().hold or "")
    stage.readings = gpu(100)
    stage.run_rounds(service, 10)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert stage.logged("INFO the queue goes on: GPU 0 (H200) can take a job") == 1
    assert stage.status().devices[0].name == "H200"


def test_a_second_daemon_is_turned_away(stage: "ServiceHarness") -> None:
    first = stage.service()
    first.run_round()
    with pytest.raises(SpoolBusy):
        stage.service().run_once()
    first._open_resources.close()


def test_a_lost_share_holds_the_loop_and_its_return_resumes_it(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.run_rounds(service, 5)
    away = stage.spool.root.with_name("away")
    stage.spool.root.rename(away)
    stage.run_rounds(service, 30)
    assert stage.logged("ERROR on hold (scan)") == 1
    assert not stage.spool.root.exists()
    away.rename(stage.spool.root)
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 20)
    assert stage.logged("INFO no longer on hold (scan)") == 1
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_an_upload_brings_the_next_look_forward(stage: "ServiceHarness") -> None:
    stage.configure(scan_seconds=30, settle_seconds=0)
    service = stage.service()
    service.run_round()
    stage.drop("talk.wav")
    stage.run_rounds(service, 5)
    assert stage.status().inbox == ()
    service.inbox_changed()
    stage.run_rounds(service, 3)
    assert [each.name for each in stage.status().inbox] == ["talk.wav"]


def test_a_spool_that_cannot_be_opened_opens_its_log_only_once(stage: "ServiceHarness") -> None:
    def broken(_known: object) -> NoReturn:
        raise SpoolUnavailable("the disk is full")

    recover = stage.spool.recover
    stage.spool.recover = broken  # type: ignore[method-assign, assignment]
    opened: list[bool] = []

    @contextmanager
    def opening() -> Iterator[None]:
        opened.append(True)
        yield

    service = stage.service(opening)
    stage.run_rounds(service, 20)
    assert opened == []
    stage.spool.recover = recover  # type: ignore[method-assign]
    stage.run_rounds(service, 20)
    assert opened == [True]


def test_a_spool_that_is_not_there_at_the_start_is_waited_for(
    stage: "ServiceHarness", monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise SpoolUnavailable("the share is not mounted")

    prepare = stage.spool.prepare
    stage.spool.prepare = gone  # type: ignore[method-assign]
    service = stage.service()
    stage.run_rounds(service, 30)
    assert stage.logged("ERROR on hold (open): the share is not mounted") == 1
    stage.spool.prepare = prepare  # type: ignore[method-assign]
    stage.run_rounds(service, 5)
    assert stage.status().state == "idle"


def test_a_claim_that_a_fault_cut_short_is_made_good(stage: "ServiceHarness") -> None:
    claim = stage.spool.claim

    def cut_short(pair: Pair) -> NoReturn:
        claim(pair)
        raise SpoolUnavailable("the disk is full")

    stage.spool.claim = cut_short  # type: ignore[method-assign]
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    stage.spool.claim = claim  # type: ignore[method-assign]
    stage.run_rounds(service, 10)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert stage.status().hold is None


def test_a_result_waits_for_an_outbox_that_cannot_be_written(stage: "ServiceHarness") -> None:
    publish = stage.spool.publish

    def full(*_arguments: object) -> None:
        raise SpoolUnavailable("the disk is full")

    stage.spool.publish = full  # type: ignore[method-assign, assignment]
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 12)
    (job,) = stage.status().jobs
    assert (job.state, job.reason) == ("publishing", "the disk is full")
    stage.spool.publish = publish  # type: ignore[method-assign]
    stage.run_rounds(service, 20)
    assert len(stage.executor.submitted) == 1
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_worker_whose_report_is_broken_has_failed(stage: "ServiceHarness") -> None:
    def torn(render: Render) -> Messages:
        messages = stage.rendered(render)
        (Path(render.workspace) / "report.json").write_text("{")
        return messages

    stage.executor.answer = torn
    stage.drop("talk.wav", "talk.mp4")
    assert stage.service().run_once().failed == 1


def test_ready_is_said_after_the_recovery_and_life_in_every_round(stage: "ServiceHarness") -> None:
    service = stage.service()
    service.request_stop()
    service.run()
    heard = [line for line in stage.notifier.sent if not line.startswith("STATUS")]
    assert heard[0] == "WATCHDOG=1"
    assert heard.index("READY=1") < heard.index("STOPPING=1")


def test_the_status_shows_news_within_a_second_and_life_always(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.run_rounds(service, 30)
    assert stage.status().is_fresh(stage.clock.wall())
    stage.drop("talk.wav")
    stage.run_rounds(service, 2.5)
    assert [each.name for each in stage.status().inbox] == ["talk.wav"]


def test_old_results_go_every_hour(stage: "ServiceHarness") -> None:
    stage.configure(retention_days=1)
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    assert len(stage.outbox()) == 3
    stage.clock.now += 86_400
    stage.run_rounds(service, 2)
    assert stage.outbox() == []
    assert stage.logged("purged") == 1


def test_retention_of_zero_days_keeps_everything(stage: "ServiceHarness") -> None:
    stage.configure(retention_days=0)
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    stage.clock.now += 1000 * 86_400
    stage.run_rounds(service, 2)
    assert len(stage.outbox()) == 3


def test_a_pair_that_vanishes_before_the_claim_is_no_trouble(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.executor.answer = lambda render: []
    for name in ("a", "b", "c", "d"):
        stage.drop(f"{name}.wav", f"{name}.mp4")
    stage.run_rounds(service, 10)
    for path in list(stage.spool.inbox.iterdir()):
        path.unlink()
    stage.run_rounds(service, 5)
    assert stage.status().hold is None
    shutil.rmtree(stage.spool.root)


def test_a_sidecar_changes_its_own_job_alone(stage: "ServiceHarness") -> None:
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    (stage.spool.inbox / "b.toml").write_text("crf = 30\nloop = 'freeze'")
    assert stage.service().run_once().published == 2
    options = [render.options for render in stage.executor.submitted]
    assert [(each.crf, each.loop) for each in options] == [(18, "pingpong"), (30, "freeze")]


def test_a_wrong_sidecar_fails_its_job_alone_before_any_attempt(stage: "ServiceHarness") -> None:
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    (stage.spool.inbox / "a.toml").write_text('strip = true\nface = "middle"\n')
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left) == (1, 1, 0)
    reason = (stage.spool.failed / "a" / "reason.txt").read_text()
    assert 'a.toml, line 2: face = "middle": must be' in reason
    assert "Attempts:   0" in reason
    assert stage.logged("ERROR failed: a.toml, line 2") == 1


def test_a_sidecar_that_comes_too_late_is_kept_and_reported(stage: "ServiceHarness") -> None:
    stage.drop("talk.wav", "talk.mp4")
    stage.service().run_once()
    (stage.spool.inbox / "talk.toml").write_text("crf = 30")
    stage.configure(lone_file_minutes=0.0)
    tally = stage.service().run_once()
    assert (tally.published, tally.left) == (0, 0)
    assert (stage.spool.inbox / "talk.toml").exists()
    assert stage.logged("has no audio and video of the same name beside it") == 1


def test_the_highest_priority_goes_first_and_interrupts_nothing(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    service = stage.service()
    for name in ("1", "2", "3", "4"):
        stage.drop(f"{name}.wav", f"{name}.mp4")
    stage.run_rounds(service, 10)
    stage.drop("5.wav", "5.mp4")
    (stage.spool.inbox / "5.toml").write_text("priority = 1")
    stage.drop("6.wav", "6.mp4")
    (stage.spool.inbox / "6.toml").write_text("priority = 9")
    stage.run_rounds(service, 10)
    (running,) = stage.executor.busy.values()
    assert [(job.name, job.state, job.priority) for job in stage.status().jobs] == [
        ("1", "running", 0), ("6", "queued", 9), ("5", "queued", 1), ("2", "queued", 0),
        ("3", "queued", 0),
    ]  # fmt: skip
    stage.executor.answer = stage.rendered
    for message in stage.rendered(stage.executor.submitted[0]):
        stage.executor.emit(CPU, message)
    stage.run_rounds(service, 20)
    order = [Path(render.audio).parent.name for render in stage.executor.submitted]
    names = {journal.id: journal.name for journal in stage.spool.latest_published()}
    assert [names[identity] for identity in order] == ["1", "6", "5", "2", "3", "4"]
    assert order[0] == running


def test_a_poison_job_waits_longer_each_time_and_holds_up_nobody(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: (
        die(render) if b"poison" in Path(render.audio).read_bytes() else stage.rendered(render)
    )
    service = stage.service()
    stage.drop("poison.wav", "poison.mp4")
    stage.run_rounds(service, 8)
    (job,) = stage.status().jobs
    assert (job.state, job.attempt) == ("deferred", 1)
    assert job.reason is not None
    assert job.reason.startswith("attempt 1 of 3 crashed: the worker was killed by signal 11")
    assert job.retry_at is not None
    assert 0 < job.retry_at - stage.clock.wall() <= 5
    stage.drop("good.wav", "good.mp4")
    stage.run_rounds(service, 10)
    assert stage.outbox() == ["good.json", "good.mp4", "good.png"]
    assert stage.failed() == []
    stage.run_rounds(service, 20)
    assert stage.failed() == ["poison"]
    assert stage.logged("WARNING job waits, next try in 5 s") == 1
    assert stage.logged("WARNING job waits, next try in 10 s") == 1
