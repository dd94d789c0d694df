"""What people and shares do to the files of a daemon that is at work."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from heygem_daemon.errors import ClaimFailed
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import Crashed, Deferred, FromWorker, Refused, Render
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.publish import _move_to_final_folder
from heygem_daemon.worker.executor import WorkerDied

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

Messages = list[FromWorker | WorkerDied]


def refuse(render: Render) -> Messages:
    return [Refused(job_id=render.job_id, reason="The video cannot be found.")]


def crash(render: Render) -> Messages:
    return [Crashed(job_id=render.job_id, error="FileNotFoundError", traceback="Traceback …")]


def deny(_pair: Pair) -> NoReturn:
    raise ClaimFailed("talk.wav cannot be taken now: Permission denied.")


@pytest.mark.parametrize("verdict", [refuse, crash])
def test_a_job_is_not_blamed_for_a_share_that_went_away(
    stage: "ServiceHarness", verdict: Callable[[Render], Messages]
) -> None:
    stage.configure(max_attempts=1)
    stage.executor.answer = lambda render: []
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    away = stage.spool.root.with_name("away")
    stage.spool.root.rename(away)
    for message in verdict(stage.executor.submitted[-1]):
        stage.executor.emit(CPU, message)
    stage.run_rounds(service, 60)
    away.rename(stage.spool.root)
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 60)
    assert stage.failed() == []
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_queued_job_whose_folder_was_removed_holds_nobody(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    stage.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    first = stage.executor.submitted[0]
    (audio,) = [p for p in stage.spool.processing.glob("*/audio.wav") if p.read_bytes() == b"b.wav"]
    shutil.rmtree(audio.parent)
    stage.executor.answer = stage.rendered
    for message in stage.rendered(first):
        stage.executor.emit(CPU, message)
    stage.run_rounds(service, 10)
    assert [name for name in stage.outbox() if name.endswith(".mp4")] == ["a.mp4", "c.mp4"]
    assert stage.logged("ERROR dropped: its folder in processing/ was removed") == 1
    assert stage.status().hold is None


def test_a_running_job_whose_folder_was_removed_is_dropped(stage: "ServiceHarness") -> None:
    def removed(render: Render) -> Messages:
        shutil.rmtree(Path(render.workspace).parent)
        return crash(render)

    stage.executor.answer = removed
    stage.drop("talk.wav", "talk.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left) == (0, 1, 0)


def test_a_pair_that_cannot_be_taken_is_said_once_and_tried_now_and_then(
    stage: "ServiceHarness",
) -> None:
    tries: list[Pair] = []

    def count(pair: Pair) -> NoReturn:
        tries.append(pair)
        deny(pair)

    claim = stage.spool.claim
    stage.spool.claim = count  # type: ignore[method-assign]
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 46)
    assert 4 <= len(tries) <= 5
    assert stage.logged("WARNING talk.wav cannot be taken now: Permission denied.") == 1
    assert "Permission denied" in stage.status().inbox[0].reason
    stage.spool.claim = claim  # type: ignore[method-assign]
    stage.run_rounds(service, 20)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert stage.status().inbox == ()


def test_once_does_not_call_it_done_what_it_could_not_take(stage: "ServiceHarness") -> None:
    stage.spool.claim = deny  # type: ignore[method-assign, assignment]
    stage.drop("talk.wav", "talk.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left) == (0, 0, 1)


def test_a_file_replaced_since_the_last_look_is_not_taken(stage: "ServiceHarness") -> None:
    stage.configure(scan_seconds=30, settle_seconds=0)
    stage.executor.answer = lambda render: []
    service = stage.service()
    for name in ("a", "b", "c", "d"):
        stage.drop(f"{name}.wav", f"{name}.mp4")
    stage.run_rounds(service, 100)
    assert stage.processing() == 3
    waiting = stage.spool.inbox / "d.mp4"
    half = stage.spool.inbox / ".half"
    half.write_bytes(b"half")
    half.replace(waiting)
    for message in refuse(stage.executor.submitted[0]):
        stage.executor.emit(CPU, message)
    stage.run_rounds(service, 10)
    assert waiting.exists()


def test_a_publication_cut_short_late_is_brought_to_its_end(
    stage: "ServiceHarness", monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[bool] = []

    def cut_short(*arguments: object) -> bool:
        if not cut:
            folder = arguments[1]
            assert isinstance(folder, Path)
            shutil.rmtree(folder / "work")
            cut.append(True)
            raise PermissionError(13, "Permission denied")
        return _move_to_final_folder(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("heygem_daemon.spool.publish._move_to_final_folder", cut_short)
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 30)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert [path.name for path in stage.spool.done.iterdir()] == ["talk"]
    assert len(stage.executor.submitted) == 1
    assert stage.failed() == []


@pytest.mark.parametrize("folder", ["inbox", "outbox", "processing", "done"])
def test_a_folder_that_somebody_removed_is_made_again(stage: "ServiceHarness", folder: str) -> None:
    service = stage.service()
    stage.run_rounds(service, 2)
    (stage.spool.root / folder).rmdir()
    stage.run_rounds(service, 2)
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 60)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert stage.status().hold is None


def _waits_for_memory(stage: "ServiceHarness", name: bytes) -> Callable[[Render], Messages]:
    def answer(render: Render) -> Messages:
        if Path(render.audio).read_bytes() == name:
            reason = "The GPU ran out of memory: a batch of one picture does not fit."
            return [Deferred(job_id=render.job_id, reason=reason, of_memory=True)]
        return stage.rendered(render)

    return answer


def _breaks_the_gpu(stage: "ServiceHarness", name: bytes) -> Callable[[Render], Messages]:
    def answer(render: Render) -> Messages:
        if Path(render.audio).read_bytes() == name:
            reason = "The GPU failed: a computation on it stopped at a failed check."
            return [Deferred(job_id=render.job_id, reason=reason, of_device=True)]
        return stage.rendered(render)

    return answer


@pytest.mark.parametrize("answer", [_waits_for_memory, _breaks_the_gpu])
def test_a_job_that_alone_runs_out_of_memory_or_breaks_a_gpu_is_given_up(
    stage: "ServiceHarness",
    answer: Callable[["ServiceHarness", bytes], Callable[[Render], Messages]],
) -> None:
    stage.executor.answer = answer(stage, b"vast.wav")
    stage.drop("vast.wav", "vast.mp4")
    service = stage.service()
    stage.run_rounds(service, 20)
    for number in range(3):
        stage.drop(f"{number}.wav", f"{number}.mp4")
    stage.run_rounds(service, 250)
    assert stage.failed() == []
    stage.run_rounds(service, 200)
    assert stage.failed() == ["vast"]
    reason = (stage.spool.failed / "vast" / "reason.txt").read_text()
    assert "The GPU" in reason
    assert "while other jobs were rendered" in reason


def test_a_want_of_memory_that_all_jobs_have_is_waited_out(stage: "ServiceHarness") -> None:
    stage.executor.answer = _waits_for_memory(stage, b"talk.wav")
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 5000)
    assert stage.failed() == []
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 700)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
