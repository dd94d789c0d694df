"""Files of a running daemon that people remove or that shares lose."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from heygem_daemon.errors import ClaimFailed
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import Crashed, Deferred, Refused, Render
from heygem_daemon.service import intake
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.publish import _move_to_final_folder
from tests.fakes.executor import Messages, keep_running, rendered
from tests.fakes.service import ServiceHarness


def refuse(render: Render) -> Messages:
    return [Refused(job_id=render.job_id, reason="The video cannot be found.")]


def crash(render: Render) -> Messages:
    return [Crashed(job_id=render.job_id, error="FileNotFoundError", traceback="Traceback …")]


def deny(_pair: Pair, *_more: object) -> NoReturn:
    raise ClaimFailed("talk.wav cannot be taken now: Permission denied.")


@pytest.mark.parametrize("verdict", [refuse, crash])
def test_a_job_is_not_blamed_for_a_share_that_went_away(
    harness: ServiceHarness, verdict: Callable[[Render], Messages]
) -> None:
    harness.configure(max_attempts=1)
    harness.executor.answer = keep_running
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    away = harness.spool.root.with_name("away")
    harness.spool.root.rename(away)
    for message in verdict(harness.executor.submitted[-1]):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 60)
    away.rename(harness.spool.root)
    harness.executor.answer = rendered
    harness.run_rounds(service, 60)
    assert harness.failed() == []
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_a_queued_job_whose_folder_was_removed_holds_nobody(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    first = harness.executor.submitted[0]
    (audio,) = [
        p for p in harness.spool.processing.glob("*/audio.wav") if p.read_bytes() == b"b.wav"
    ]
    shutil.rmtree(audio.parent)
    harness.executor.answer = rendered
    for message in rendered(first):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 10)
    assert [name for name in harness.outbox() if name.endswith(".mp4")] == ["a.mp4", "c.mp4"]
    assert harness.logged("ERROR dropped: its folder in processing/ was removed") == 1
    assert harness.status().hold is None


def test_a_running_job_whose_folder_was_removed_is_dropped(harness: ServiceHarness) -> None:
    def removed(render: Render) -> Messages:
        shutil.rmtree(Path(render.workspace).parent)
        return crash(render)

    harness.executor.answer = removed
    harness.drop("talk.wav", "talk.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (0, 1, 0)


def test_a_pair_that_cannot_be_taken_is_said_once_and_tried_now_and_then(
    harness: ServiceHarness,
) -> None:
    tries: list[Pair] = []

    def count(pair: Pair, *_more: object) -> NoReturn:
        tries.append(pair)
        deny(pair)

    claim = harness.spool.claim
    harness.spool.claim = count  # type: ignore[method-assign, assignment]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 46)
    assert 4 <= len(tries) <= 5
    assert harness.logged("WARNING talk.wav cannot be taken now: Permission denied.") == 1
    assert "Permission denied" in harness.status().inbox[0].reason
    harness.spool.claim = claim  # type: ignore[method-assign]
    harness.run_rounds(service, 20)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.status().inbox == ()


def test_once_does_not_call_it_done_what_it_could_not_take(harness: ServiceHarness) -> None:
    harness.spool.claim = deny  # type: ignore[method-assign, assignment]
    harness.drop("talk.wav", "talk.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (0, 0, 1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("folder", "left"), [("", 1), ("show", 0)])
def test_once_ends_although_a_file_cannot_be_examined(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, folder: str, left: int
) -> None:
    def fail(path: Path) -> bool:
        if path.name == "evil.wav":
            raise OSError(errno.EIO, "Input/output error")
        return False

    monkeypatch.setattr(intake, "is_open_for_writing", fail)
    harness.drop("talk.wav", "talk.mp4")
    harness.drop_batch(folder, "evil.wav", "evil.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (1, 0, left)
    assert sorted(path.name for path in (harness.spool.inbox / folder).iterdir()) == [
        "evil.mp4",
        "evil.wav",
    ]


def test_a_file_replaced_since_the_last_look_is_not_taken(harness: ServiceHarness) -> None:
    harness.configure(scan_seconds=30, settle_seconds=0)
    harness.executor.answer = keep_running
    service = harness.service()
    for name in ("a", "b", "c", "d"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    harness.run_rounds(service, 100)
    assert harness.processing() == 3
    waiting = harness.spool.inbox / "d.mp4"
    half = harness.spool.inbox / ".half"
    half.write_bytes(b"half")
    half.replace(waiting)
    for message in refuse(harness.executor.submitted[0]):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 10)
    assert waiting.exists()


def test_a_publication_cut_short_late_is_brought_to_its_end(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[bool] = []

    def cut_short(*arguments: object) -> bool:
        if not cut:
            folder = arguments[2]
            assert isinstance(folder, Path)
            shutil.rmtree(folder / "work")
            cut.append(True)
            raise PermissionError(13, "Permission denied")
        return _move_to_final_folder(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("heygem_daemon.spool.publish._move_to_final_folder", cut_short)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 30)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert [path.name for path in harness.spool.done.iterdir()] == ["talk"]
    assert len(harness.executor.submitted) == 1
    assert harness.failed() == []


@pytest.mark.parametrize("folder", ["inbox", "outbox", "processing", "done"])
def test_a_folder_that_somebody_removed_is_made_again(harness: ServiceHarness, folder: str) -> None:
    service = harness.service()
    harness.run_rounds(service, 2)
    (harness.spool.root / folder).rmdir()
    harness.run_rounds(service, 2)
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 60)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.status().hold is None


def _waits_for_memory(harness: ServiceHarness, name: bytes) -> Callable[[Render], Messages]:
    def answer(render: Render) -> Messages:
        if Path(render.audio).read_bytes() == name:
            reason = "The GPU ran out of memory: a batch of one picture does not fit."
            return [Deferred(job_id=render.job_id, reason=reason, of_memory=True)]
        return rendered(render)

    return answer


def _breaks_the_gpu(harness: ServiceHarness, name: bytes) -> Callable[[Render], Messages]:
    def answer(render: Render) -> Messages:
        if Path(render.audio).read_bytes() == name:
            reason = "The GPU failed: a computation on it stopped at a failed check."
            return [Deferred(job_id=render.job_id, reason=reason, of_device=True)]
        return rendered(render)

    return answer


@pytest.mark.parametrize("answer", [_waits_for_memory, _breaks_the_gpu])
def test_a_job_that_alone_runs_out_of_memory_or_breaks_a_gpu_is_given_up(
    harness: ServiceHarness,
    answer: Callable[[ServiceHarness, bytes], Callable[[Render], Messages]],
) -> None:
    harness.executor.answer = answer(harness, b"vast.wav")
    harness.drop("vast.wav", "vast.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    for number in range(3):
        harness.drop(f"{number}.wav", f"{number}.mp4")
    harness.run_rounds(service, 250)
    assert harness.failed() == []
    harness.run_rounds(service, 200)
    assert harness.failed() == ["vast"]
    reason = (harness.spool.failed / "vast" / "reason.txt").read_text()
    assert "The GPU" in reason
    assert "while other jobs were rendered" in reason


@pytest.mark.slow
def test_a_want_of_memory_that_all_jobs_have_is_waited_out(harness: ServiceHarness) -> None:
    harness.executor.answer = _waits_for_memory(harness, b"talk.wav")
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 5000, every=5)
    assert harness.failed() == []
    harness.executor.answer = rendered
    harness.run_rounds(service, 700, every=5)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
