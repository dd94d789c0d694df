"""Requests about jobs that have ended: render them again, or delete them."""

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.report.waiting import cannot_start
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.command_requests import leave_request
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import natural_key
from heygem_daemon.spool.record_store import load_record
from heygem_daemon.spool.records import AnyRecord
from heygem_daemon.spool.request_names import Verb
from tests.fakes.executor import FakeExecutor, keep_running, refuse_bad
from tests.fakes.service import ServiceHarness

ANNA, MALLORY = 70_002, 70_003

Write = Callable[[FileOperations, Path, bytes], None]
Move = Callable[[FileOperations, Path, Path], None]


@pytest.fixture
def service(harness: ServiceHarness) -> Service:
    """A service whose engine refuses what is called bad."""
    harness.executor = FakeExecutor(refuse_bad, now=harness.clock.monotonic)
    service = harness.service()
    harness.run_rounds(service, 1.0)
    return service


def render(harness: ServiceHarness, service: Service, *names: str) -> None:
    harness.drop(*names)
    harness.run_rounds(service, 12.0)


def ask(harness: ServiceHarness, service: Service, name: str, text: str = "") -> str:
    """Drop a request, and return what the status says of it at the end."""
    (harness.spool.inbox / name).write_text(text)
    harness.run_rounds(service, 20.0)
    return next(each.text for each in harness.status().requests if each.name == name)


def command(harness: ServiceHarness, service: Service, verb: Verb, name: str) -> str:
    """Ask as a command does, and return what the status says of it at the end."""
    leave_request(harness.spool, harness.spool.files, verb, name, harness.clock.wall())
    harness.run_rounds(service, 4.0)
    shown = f"heygem-daemon {verb} {name}"
    return next(each.text for each in harness.status().requests if each.name == shown)


def all_files(harness: ServiceHarness) -> Sequence[str]:
    root = harness.spool.root
    found = (path for path in root.rglob("*") if path.is_file())
    names = (str(path.relative_to(root)) for path in found)
    own = (".state", "logs", "status", ".cache")
    return sorted((name for name in names if not name.startswith(own)), key=natural_key)


def test_a_failed_job_is_tried_again(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    assert harness.failed() == ["bad"]
    assert ask(harness, service, "bad.retry") == "bad is in the inbox again"
    assert len(harness.executor.submitted) == 2
    assert harness.failed() == ["bad"]
    assert list(harness.spool.inbox.iterdir()) == []


def test_a_published_job_is_rendered_again_and_its_result_stays(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    assert ask(harness, service, "talk.retry") == "talk is in the inbox again"
    assert [name for name in harness.outbox() if name.endswith(".mp4")] == [
        "talk (2).mp4",
        "talk.mp4",
    ]
    assert sorted(path.name for path in (harness.spool.done / "talk (2)").iterdir()) == [
        "job.json",
        "talk.mp4",
        "talk.wav",
    ]
    # What is left of the first one goes with it.
    assert ask(harness, service, "talk.remove").startswith("talk is deleted")
    assert harness.outbox() == ["talk (2).json", "talk (2).mp4", "talk (2).png"]
    assert not (harness.spool.done / "talk").exists()


def test_a_published_job_is_rendered_again_as_often_as_it_is_asked(
    harness: ServiceHarness, service: Service
) -> None:
    """Its files are with the last job that was made from them, which may be under way."""
    render(harness, service, "talk.wav", "talk.mp4")
    for number, face in enumerate(("left", "right"), 2):
        answer = ask(harness, service, "talk.retry", f'face = "{face}"\n')
        assert answer == "talk is in the inbox again"
        assert f"talk ({number}).mp4" in harness.outbox()
        assert harness.executor.submitted[-1].options.face == face
    (harness.spool.inbox / "talk.retry").write_text('face = "left"\n')
    harness.run_rounds(service, 3.0)
    (harness.spool.inbox / "talk .retry").write_text('face = "right"\n')
    harness.run_rounds(service, 30.0)
    assert harness.spool.ended.retry("talk") == "talk"
    harness.run_rounds(service, 12.0)
    made = [name for name in harness.outbox() if name.endswith(".mp4")]
    assert len(made) == 6, harness.status().requests


@pytest.mark.parametrize("place", ["in the request", "beside it"])
def test_a_retry_can_change_the_options(
    harness: ServiceHarness, service: Service, place: str
) -> None:
    (harness.spool.inbox / "bad.toml").write_text('face = "left"\ncrf = 20\n')
    render(harness, service, "bad.wav", "bad.mp4")
    assert harness.executor.submitted[-1].options.face == "left"
    new = 'face = "right"\n'
    if place == "beside it":
        (harness.spool.inbox / "bad.toml").write_text(new)
    ask(harness, service, "bad.retry", new if place == "in the request" else "")
    assert len(harness.executor.submitted) == 2
    options = harness.executor.submitted[-1].options
    assert (options.face, options.crf) == ("right", harness.settings.crf)
    assert (harness.spool.failed / "bad" / "bad.toml").read_text() == new
    assert list(harness.spool.inbox.iterdir()) == []


def test_a_moved_file_of_an_ended_job_gives_a_retry_no_options(
    harness: ServiceHarness, service: Service
) -> None:
    (harness.spool.inbox / "talk.toml").write_text('face = "left"\n')
    render(harness, service, "talk.wav", "talk.mp4")
    moved = harness.spool.inbox / "talk.toml"
    (harness.spool.done / "talk" / "talk.toml").rename(moved)
    told = ask(harness, service, "talk.retry")
    assert told.startswith("the options beside it do not count, since their file is of a job")
    assert translator("zh")(told) != told
    moved.unlink()
    moved.write_text('face = "right"\n')
    harness.run_rounds(service, 20.0)
    assert [each.options.face for each in harness.executor.submitted] == ["left", "right"]


def drop_all(harness: ServiceHarness, service: Service, content: str) -> None:
    """Drop another pair ``talk``; of a sound ``content`` that is bad the engine refuses it."""
    for end in ("wav", "mp4"):
        (harness.spool.inbox / f"talk.{end}").write_text(f"{content} {end}")
    harness.run_rounds(service, 12.0)


def test_a_request_means_what_ended_last_of_its_name(
    harness: ServiceHarness, service: Service
) -> None:
    """It was the failed job for a retry and the published one for a removal, however old."""
    drop_all(harness, service, "bad")
    drop_all(harness, service, "good")
    assert (harness.failed(), harness.outbox()) == (["talk"], ["talk.json", "talk.mp4", "talk.png"])
    told = ask(harness, service, "talk.retry", 'face = "left"\n')
    assert told.startswith(
        "talk is in the inbox again; several have this name, and this is the one that"
        " ended last, at "
    )
    assert (harness.spool.done / "talk (2)" / "talk.wav").read_text() == "good wav"
    assert "talk (2).mp4" in harness.outbox()
    drop_all(harness, service, "bad again")
    assert harness.failed() == ["talk", "talk (2)"]
    assert ask(harness, service, "talk (2).remove").startswith("talk (2) is deleted")
    assert (harness.failed(), len(harness.outbox())) == (["talk"], 6)


def test_the_command_without_a_daemon_means_what_ended_last(
    harness: ServiceHarness, service: Service
) -> None:
    drop_all(harness, service, "bad")
    drop_all(harness, service, "good")
    harness.spool.ended.retry("talk")
    assert b"good" in (harness.spool.inbox / "talk.wav").read_bytes()
    harness.run_rounds(service, 12.0)
    harness.spool.ended.remove("talk")
    assert harness.failed() == ["talk"]
    harness.spool.ended.remove("talk")
    assert (harness.failed(), harness.outbox()) == (
        [],
        ["talk (2).json", "talk (2).mp4", "talk (2).png"],
    )


@pytest.mark.parametrize("verb", ["retry", "remove"])
def test_of_a_waiting_and_an_ended_job_the_answer_says_which_it_is_about(
    harness: ServiceHarness, service: Service, verb: str
) -> None:
    drop_all(harness, service, "bad")
    harness.executor.answer = lambda _render: []
    drop_all(harness, service, "good")
    told = ask(harness, service, f"talk.{verb}")
    assert "; several have this name, and this is the one that ended last, at " in told
    assert told.endswith("; the one that has not ended stays as it is")
    assert translator("zh")(told).endswith("；未结束的一个保持不变")
    assert harness.processing() == (2 if verb == "retry" else 1)


def test_options_that_are_wrong_are_explained(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    told = ask(harness, service, "talk.retry", 'face = "middle"\n')
    assert told.startswith('talk.retry, line 1: face = "middle"')
    assert len(harness.executor.submitted) == 1
    (entry,) = cannot_start(harness.status())
    assert (entry.name, entry.reason) == ("talk.retry", told), "somebody has to correct it"
    assert "1 cannot start, " in (harness.spool.root / "status.txt").read_text()
    told = ask(harness, service, "talk.retry", 'face = "left"\n')
    assert cannot_start(harness.status()) == ()
    assert told == "talk is in the inbox again"
    assert harness.executor.submitted[-1].options.face == "left"


def test_the_failed_members_of_a_batch_are_tried_again(
    harness: ServiceHarness, service: Service
) -> None:
    harness.drop_batch("talks", "a.wav", "a.mp4", "bad.wav", "bad.mp4")
    harness.run_rounds(service, 16.0)
    assert len(harness.executor.submitted) == 2
    text = ask(harness, service, "talks.retry", 'face = "left"')
    assert text == "talks is in the inbox again"
    assert len(harness.executor.submitted) == 3
    assert harness.executor.submitted[-1].options.face == "left"


def test_a_batch_that_was_published_is_made_again_with_other_options(
    harness: ServiceHarness, service: Service
) -> None:
    harness.drop_batch("launch", "talk.wav", "1.mp4", "2.mp4")
    harness.run_rounds(service, 16.0)
    first = all_files(harness)
    text = ask(harness, service, "Launch.retry", 'face = "left"')
    assert text == "Launch is in the inbox again as launch"
    harness.run_rounds(service, 20.0)
    assert [each.options.face for each in harness.executor.submitted[2:]] == ["left"] * 2
    outbox = [name for name in first if name.startswith("outbox/")]
    assert {"outbox/launch (2)/1.mp4", "outbox/launch (2)/launch (2).zip", *outbox} <= {
        *all_files(harness)
    }
    # The inputs went with it, with the last options.
    assert ask(harness, service, "launch (2).retry") == (
        "launch (2) is in the inbox again as launch; the result may get another number"
    )
    harness.run_rounds(service, 20.0)
    assert len(harness.executor.submitted) == 6
    assert harness.executor.submitted[-1].options.face == "left"


def test_a_retry_beside_a_new_job_of_its_name_does_not_promise_the_name_of_a_result(
    harness: ServiceHarness, service: Service
) -> None:
    """The other one is published first, and takes the name that the answer said."""
    render(harness, service, "talk.wav", "talk.mp4")
    (harness.spool.inbox / "talk.retry").write_text('face = "left"')
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20.0)
    (text,) = [each.text for each in harness.status().requests]
    assert text.split("; ")[:2] == [
        "talk is in the inbox again as talk (2)",
        "the result may get another number",
    ]
    assert "已重新放入收件夹，名为 talk (2)；结果可能会带另一个编号；" in translator("zh")(text)
    harness.run_rounds(service, 20.0)
    names = {each.output: each.name for each in harness.status().finished}
    assert names == {"talk": "talk", "talk (2)": "talk", "talk (3)": "talk (2)"}
    page = (harness.spool.root / "status.txt").read_text()
    assert "talk (3).mp4; dropped as talk (2), a name that was taken" in page


@pytest.mark.parametrize("verb", ["cancel", "hurry"])
def test_what_is_asked_of_a_job_that_is_about_to_be_tried_again_waits_for_it(
    harness: ServiceHarness, service: Service, verb: str
) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    count = len(harness.executor.submitted)
    for each in ("retry", verb):
        (harness.spool.inbox / f"bad.{each}").touch()
        time.sleep(0.01)  # for the order of their times
    said = set()
    for _ in range(60):
        harness.run_rounds(service, 0.5)
        said |= {each.text for each in harness.status().requests}
    assert "bad is tried again first" in said
    assert "bad is in the inbox again" in said
    assert not [each for each in said if each.startswith("no job")]
    if verb == "cancel":
        assert "bad is cancelled; its files are in failed" in said
        assert len(harness.executor.submitted) == count
        reason = (harness.spool.failed / "bad" / "reason.txt").read_text()
        assert "cancelled" in reason
    else:
        assert any("first among the" in each for each in said), said


def test_a_cancel_before_the_retry_of_its_name_does_not_wait_for_it(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    count = len(harness.executor.submitted)
    for each in ("cancel", "retry"):
        (harness.spool.inbox / f"bad.{each}").touch()
        time.sleep(0.01)
    harness.run_rounds(service, 30.0)
    said = {each.name: each.text for each in harness.status().requests}
    assert said["bad.cancel"] == (
        "bad has failed already: its files are in failed; bad.remove deletes them"
    )
    assert len(harness.executor.submitted) == count + 1


def test_a_batch_and_its_members_are_made_again_as_often_as_it_is_asked(
    harness: ServiceHarness, service: Service
) -> None:
    """Their inputs are with the last batch that was made from them."""
    harness.drop_batch("launch", "talk.wav", "1.mp4", "2.mp4")
    harness.run_rounds(service, 16.0)
    for number, face in enumerate(("left", "right"), 2):
        text = ask(harness, service, "launch.retry", f'face = "{face}"')
        assert text == "launch is in the inbox again"
        harness.run_rounds(service, 20.0)
        assert f"outbox/launch ({number})/2.mp4" in all_files(harness)
        assert harness.executor.submitted[-1].options.face == face
    assert harness.spool.ended.retry("launch") == "launch"
    harness.run_rounds(service, 20.0)
    assert "outbox/launch (4)/1.mp4" in all_files(harness)
    for number in (5, 6):
        harness.spool.ended.retry("launch/1")
        harness.run_rounds(service, 20.0)
        assert f"outbox/launch ({number})/1.mp4" in all_files(harness)
    gone = next((harness.spool.done / "launch (6)" / "inputs").glob("1.*"))
    gone.unlink()
    ask(harness, service, "launch.retry")
    harness.run_rounds(service, 30.0)
    text = next(each.text for each in harness.status().requests if each.name == "launch.retry")
    assert text.startswith("Not all inputs of launch")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_only_the_owner_makes_a_batch_again(harness: ServiceHarness, service: Service) -> None:
    folder = harness.drop_batch("launch", "talk.wav", "1.mp4")
    for path in (folder, *folder.iterdir()):
        os.chown(path, ANNA, -1)
    harness.run_rounds(service, 16.0)
    (harness.spool.inbox / "launch.retry").touch()
    os.chown(harness.spool.inbox / "launch.retry", MALLORY, -1)
    harness.run_rounds(service, 20.0)
    assert len(harness.executor.submitted) == 1
    assert {each.text for each in harness.status().requests} == {
        "launch was dropped by somebody else, who alone can retry it"
    }
    (harness.spool.inbox / "launch.retry").touch()
    os.chown(harness.spool.inbox / "launch.retry", ANNA, -1)
    harness.run_rounds(service, 30.0)
    assert len(harness.executor.submitted) == 2


def test_a_sidecar_moved_from_a_batch_that_has_ended_is_no_retry(
    harness: ServiceHarness, service: Service
) -> None:
    """It keeps its owner, and whoever may write to the batch's own folder can move it."""
    render(harness, service, "talk.wav", "talk.mp4")
    (harness.drop_batch("show", "a.wav", "a.mp4") / "a.toml").write_text('face = "left"\n')
    harness.run_rounds(service, 30.0)
    sidecar = harness.spool.done / "show" / "inputs" / "a.toml"
    moved = sidecar.rename(harness.spool.inbox / "talk.retry")
    harness.run_rounds(service, 30.0)
    told = {each.name: each.text for each in harness.status().requests}
    assert "it is a file of a job that has ended" in told["talk.retry"]
    assert moved.read_text() == 'face = "left"\n'
    assert len(harness.executor.submitted) == 2
    moved.rename(harness.spool.done / "show" / "inputs" / "a.toml")
    ask(harness, service, "talk.retry", 'face = "left"\n')
    assert len(harness.executor.submitted) == 3
    assert harness.executor.submitted[-1].options.face == "left"


@pytest.mark.parametrize("content", ["", "\n"])
@pytest.mark.parametrize("verb", ["cancel", "hurry", "remove", "retry"])
def test_no_empty_file_moved_from_a_job_that_has_ended_is_a_request(
    harness: ServiceHarness, service: Service, verb: str, content: str
) -> None:
    """It keeps its owner, and whoever may write to the job's folder in done/ can move it."""
    (harness.spool.inbox / "src.toml").write_text(content)
    render(harness, service, "src.wav", "src.mp4")
    folder = harness.drop_batch("show", "a.wav", "a.mp4", "notes.txt")
    (folder / "notes.txt").write_text(content)
    render(harness, service, "talk.wav", "talk.mp4")
    harness.run_rounds(service, 30.0)
    places = ["show/inputs/notes.txt", *(["src/src.toml"] if content else [])]
    for number, place in enumerate(places):
        moved = (harness.spool.done / place).rename(harness.spool.inbox / f"talk.{verb}")
        harness.run_rounds(service, 10.0)
        told = {each.name: each.text for each in harness.status().requests}
        assert "it is a file of a job that has ended" in told[f"talk.{verb}"], number
        assert moved.exists()
        assert "talk.mp4" in harness.outbox()
        assert len(harness.executor.submitted) == 3
        moved.unlink()
        harness.run_rounds(service, 2.0)


def test_a_retry_with_options_leaves_a_video_its_own_sound(
    harness: ServiceHarness, service: Service
) -> None:
    (harness.spool.inbox / "talk.toml").write_text('audio = "own"\n')
    render(harness, service, "talk.mp4")
    for number, place in ((2, "talk.retry"), (3, "talk.toml")):
        (harness.spool.inbox / place).write_text('face = "left"\n')
        harness.run_rounds(service, 8.0)
        ask(harness, service, "talk.retry", 'face = "left"\n' if place == "talk.retry" else "")
        assert f"talk ({number}).mp4" in harness.outbox()
        options = harness.executor.submitted[-1].options
        assert (options.face, list(harness.spool.inbox.iterdir())) == ("left", [])
    told = ask(harness, service, "talk.retry", 'audio = "copy"\n')
    assert told.endswith('Write audio = "own", or remove that line')
    assert "自带" in translator("zh")(told)


def test_a_retry_of_files_that_are_in_use_says_what_it_waits_for(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    harness.executor.answer = lambda _render: []
    ask(harness, service, "talk.retry", 'face = "left"\n')
    told = ask(harness, service, "talk.retry", 'face = "right"\n')
    assert told == "talk is tried again as soon as the job that has its files now has ended"


def test_a_retry_whose_files_were_deleted_promises_nothing(
    harness: ServiceHarness, service: Service
) -> None:
    """They were with the last result."""
    render(harness, service, "talk.wav", "talk.mp4")
    ask(harness, service, "talk.retry")
    ask(harness, service, "talk (2).remove")
    told = ask(harness, service, "talk.retry")
    assert told == "the files of talk are not where they were; a job that ends may bring them back"
    assert translator("zh").knows(told)
    harness.run_rounds(service, 30.0)
    told = next(e.text for e in harness.status().requests if e.name == "talk.retry")
    assert told == (
        "The input files of talk are not all in its folder, which lacks talk.wav and talk.mp4."
        " Drop both files into the inbox again"
    )


def test_a_retry_waits_for_the_disk_and_says_so(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also halfway: its record is gone then, and it was told that nothing of that name ended."""
    render(harness, service, "bad.wav", "bad.mp4")
    for fails in (
        lambda path: path.parent.parent == harness.spool.processing,
        lambda path: path.parent == harness.spool.inbox,
    ):
        with monkeypatch.context() as disk:
            move, write = FileOperations.move_unsynced, FileOperations.write

            def full(path: Path, fails: Callable[[Path], bool] = fails) -> None:
                if fails(path):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

            def write_full(
                files: FileOperations, path: Path, data: bytes, write: Write = write
            ) -> None:
                full(path)
                write(files, path, data)

            def move_full(
                files: FileOperations, source: Path, target: Path, move: Move = move
            ) -> None:
                full(target)
                move(files, source, target)

            disk.setattr(FileOperations, "write", write_full)
            disk.setattr(FileOperations, "move_unsynced", move_full)
            told = ask(harness, service, "bad.retry")
        assert (
            told == "it waits until the service can use its disk or share again: the disk is full"
        )
        assert "；" not in translator("zh")(told)
        assert "磁盘已满" in translator("zh")(told)
        harness.run_rounds(service, 40.0)
        told = next(each.text for each in harness.status().requests if each.name == "bad.retry")
        assert (told, harness.failed()) == ("bad is in the inbox again", ["bad"])


def test_a_retry_whose_names_somebody_takes_leaves_nothing_half_done(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    with monkeypatch.context() as contested:
        contested.setattr("heygem_daemon.spool.claim.move_all", lambda *_args: False)
        told = ask(harness, service, "bad.retry")
    assert told == "Somebody takes each name for bad in the inbox"
    harness.run_rounds(service, 20.0)
    kept = {path.read_bytes() for path in harness.spool.failed.glob("*/*")}
    assert {b"bad.wav", b"bad.mp4"} <= kept
    assert harness.processing() == 0


def test_remove_deletes_a_job_with_all_that_belongs_to_it(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "talk.wav", "talk.mp4", "other.wav", "other.mp4")
    (harness.spool.outbox / "talk.srt").write_text("a user's own")
    (harness.spool.done / "talk" / "note.txt").write_text("a user's own")
    text = ask(harness, service, "talk.remove")
    assert text.startswith("talk is deleted")
    assert [name for name in all_files(harness) if "talk" in name] == [
        "done/talk/note.txt",
        "outbox/talk.srt",
    ]
    assert ask(harness, service, "talk.remove") == "no job talk of yours has ended"
    assert "other.mp4" in harness.outbox()


def test_remove_deletes_a_batch_with_its_failed_members(
    harness: ServiceHarness, service: Service
) -> None:
    harness.drop_batch("talks", "a.wav", "a.mp4", "bad.wav", "bad.mp4")
    harness.run_rounds(service, 16.0)
    assert harness.failed() == ["talks"]
    assert ask(harness, service, "Talks.remove").startswith("Talks is deleted")
    assert all_files(harness) == []


def test_a_member_that_was_removed_is_not_found_again(
    harness: ServiceHarness, service: Service
) -> None:
    harness.drop_batch("talks", "a.wav", "a.mp4", "b.wav", "b.mp4")
    harness.run_rounds(service, 16.0)
    assert command(harness, service, "remove", "talks/a").startswith("talks/a is deleted, ")
    assert command(harness, service, "remove", "talks/a") == "no job talks/a has ended"
    assert command(harness, service, "remove", "talks/b").startswith("talks/b is deleted, ")


def test_a_job_that_has_not_ended_is_not_removed(harness: ServiceHarness, service: Service) -> None:
    harness.executor.answer = lambda _render: []
    render(harness, service, "talk.wav", "talk.mp4")
    assert ask(harness, service, "talk.remove") == "talk has not ended: cancel it first"
    assert ask(harness, service, "talk.retry") == "talk has not ended: cancel it first"


def test_a_cancelled_job_keeps_its_chunks_for_a_retry(
    harness: ServiceHarness, service: Service
) -> None:
    harness.executor.answer = lambda _render: []
    render(harness, service, "talk.wav", "talk.mp4")
    folder = next(harness.spool.processing.iterdir())
    (folder / "work" / "segment-0001.mp4").write_bytes(b"a chunk")
    ask(harness, service, "talk.cancel")
    assert harness.failed() == ["talk"]
    ask(harness, service, "talk.retry")
    folder = next(harness.spool.processing.iterdir())
    assert (folder / "work" / "segment-0001.mp4").read_bytes() == b"a chunk"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_a_stranger_changes_nothing(harness: ServiceHarness, service: Service) -> None:
    harness.drop("talk.wav", "talk.mp4")
    for name in ("talk.wav", "talk.mp4"):
        os.chown(harness.spool.inbox / name, ANNA, -1)
    harness.run_rounds(service, 12.0)
    before = all_files(harness)
    for verb in ("retry", "remove"):
        (harness.spool.inbox / f"talk.{verb}").touch()
        os.chown(harness.spool.inbox / f"talk.{verb}", MALLORY, -1)
    harness.run_rounds(service, 20.0)
    assert all_files(harness) == before
    texts = {each.text for each in harness.status().requests}
    assert texts == {
        f"talk was dropped by somebody else, who alone can {verb} it"
        for verb in ("retry", "remove")
    }
    (harness.spool.inbox / "talk.remove").touch()
    os.chown(harness.spool.inbox / "talk.remove", ANNA, -1)
    harness.run_rounds(service, 4.0)
    assert all_files(harness) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_who_asks_for_the_name_of_another_hears_the_own_one(
    harness: ServiceHarness, service: Service
) -> None:
    for owner in (ANNA, MALLORY):
        harness.drop("talk.wav", "talk.mp4")
        for name in ("talk.wav", "talk.mp4"):
            os.chown(harness.spool.inbox / name, owner, -1)
        harness.run_rounds(service, 12.0)
    (harness.spool.inbox / "talk.remove").touch()
    os.chown(harness.spool.inbox / "talk.remove", MALLORY, -1)
    harness.run_rounds(service, 8.0)
    (text,) = [each.text for each in harness.status().requests]
    assert text == (
        "talk was dropped by somebody else, who alone can remove it; what you dropped as talk is"
        " called talk (2): ask with talk (2).remove"
    )
    assert translator("zh")(text).endswith(
        "；您以 talk 放入的任务现在叫 talk (2)：请用 talk (2).remove"
    )


def test_records_that_take_long_are_read_over_several_looks(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of batches with a thousand members."""

    def slowly(layout: SpoolLayout, name: str) -> AnyRecord | None:
        harness.clock.now += 0.2
        read.append(name)
        return load_record(layout, name)

    read: list[str] = []
    render(harness, service, *(f"{stem}{end}" for stem in "abcdef" for end in (".wav", ".mp4")))
    monkeypatch.setattr("heygem_daemon.spool.finished_index.load_record", slowly)
    (harness.spool.inbox / "z.remove").touch()
    most = 0
    for _ in range(20):
        before = len(read)
        harness.run_rounds(service, 0.25)
        most = max(most, len(read) - before)
    assert len(read) == 6
    assert most <= 2
    assert list(harness.spool.inbox.iterdir()) == []


def test_records_are_read_a_few_at_a_time(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.service.ended_requests.RECORDS_A_LOOK", 1)
    render(harness, service, *(f"{stem}{end}" for stem in "abc" for end in (".wav", ".mp4")))
    (harness.spool.inbox / "a.remove").touch()
    (harness.spool.inbox / "z.remove").touch()
    harness.run_rounds(service, 1.0)
    waiting = {each.name: each.text for each in harness.status().requests}
    assert waiting["z.remove"] == "the list of the jobs that have ended is being read"
    harness.run_rounds(service, 4.0)
    answers = {each.name: each.text for each in harness.status().requests}
    assert answers["a.remove"].startswith("a is deleted")
    assert answers["z.remove"] == "no job z of yours has ended"


def test_what_is_finished_cannot_be_cancelled_and_the_answer_says_where_it_is(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    text = "talk is finished: its result is in outbox; talk.remove deletes it"
    assert ask(harness, service, "talk.cancel") == text
    assert translator("zh")(text).startswith("talk 已完成")
    assert ask(harness, service, "talk.hurry") == text


def test_a_retry_of_nothing_says_so_at_once(harness: ServiceHarness, service: Service) -> None:
    (harness.spool.inbox / "nobody.retry").touch()
    harness.run_rounds(service, 1.0)
    (told,) = [each.text for each in harness.status().requests]
    assert told == "no job nobody of yours has ended"


def test_what_has_a_number_now_is_named_to_who_asks_without(
    harness: ServiceHarness, service: Service
) -> None:
    for _ in range(2):
        render(harness, service, "bad4.wav", "bad4.mp4")
    assert "is deleted" in ask(harness, service, "bad4.remove")
    told = ask(harness, service, "bad4.retry")
    assert told == (
        "no job bad4 of yours has ended; what was dropped as bad4 and ended last is called"
        " bad4 (2): ask with bad4 (2).retry"
    )
    assert translator("zh").knows(told)
    told = command(harness, service, "retry", "bad4")
    assert told.endswith("; what was dropped as bad4 and ended last is called bad4 (2)")
    assert translator("zh")(told).endswith("；以 bad4 放入、最后结束的任务现在叫 bad4 (2)")
    assert ask(harness, service, "bad4 (2).retry").startswith("bad4 (2) is in the inbox again")


def test_a_request_for_what_has_no_number_yet_is_answered(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    harness.executor.answer = keep_running
    render(harness, service, "talk.wav", "talk.mp4")
    told = ask(harness, service, "talk (2).remove")
    assert told == (
        "no job talk (2) of yours has ended; talk has not ended, and gets a number when it has"
    )
    assert translator("zh").knows(told)
    assert not list(harness.spool.inbox.iterdir())


def test_a_full_width_name_means_the_plain_one(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "bad2.wav", "bad2.mp4")
    assert ask(harness, service, "ｂａｄ２.ｒｅｔｒｙ") == "bad2 is in the inbox again"
