"""What was copied back from failed/ and done/ into the inbox is made again."""

import shutil
from pathlib import Path

import pytest

from heygem_daemon.page.renderer import TEXT_NAME
from heygem_daemon.protocol import Refused, Render
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness


def refuse(_render: Render) -> Messages:
    return [Refused(job_id=_render.job_id, reason="the video shows no face.")]


def fail_batch(harness: ServiceHarness, *names: str) -> Path:
    """Let all members of a batch fail. Return its folder in failed/."""
    harness.executor.answer = refuse
    harness.drop_batch("launch", *names)
    harness.service().run_once()
    harness.executor.answer = rendered
    return harness.spool.failed / "launch"


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_whole_failed_folder_put_back_is_made_again(
    harness: ServiceHarness, is_moved: bool
) -> None:
    folder = fail_batch(harness, "talk.wav", "1.mp4", "2.mp4")
    inner = {path.name for path in (folder / "1").iterdir()}
    assert inner == {"1.mp4", "talk.wav", "reason.txt", "job.json"}
    back = harness.spool.inbox / "launch"
    if is_moved:
        folder.rename(back)
    else:
        shutil.copytree(folder, back)
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (2, 0, 0)
    outbox = next(harness.spool.outbox.glob("launch*"))
    made = {path.name for path in outbox.glob("*.mp4")}
    assert made == {"1.mp4", "2.mp4"}
    assert not list(harness.spool.inbox.iterdir())


def test_the_options_of_each_and_of_all_are_those_that_it_had(harness: ServiceHarness) -> None:
    harness.drop_batch("launch", "a.wav", "a.mp4", "b.wav", "b.mp4")
    folder = harness.spool.inbox / "launch"
    (folder / "job.toml").write_text("crf = 30\n")
    (folder / "b.toml").write_text("crf = 10\n")
    failed = fail_batch(harness)
    shutil.move(failed, harness.spool.inbox / "launch")
    harness.executor.submitted.clear()
    harness.service().run_once()
    assert [each.options.crf for each in harness.executor.submitted] == [30, 10]


def test_a_whole_folder_of_done_put_back_is_made_again(harness: ServiceHarness) -> None:
    harness.drop_batch("launch", "talk.wav", "1.mp4", "2.mp4")
    harness.service().run_once()
    shutil.copytree(harness.spool.done / "launch", harness.spool.inbox / "again")
    assert harness.service().run_once().published == 2
    assert {path.name for path in (harness.spool.outbox / "again").glob("*.mp4")} == {
        "1.mp4",
        "2.mp4",
    }


def test_what_lacks_a_shared_sound_says_how_to_ask_instead(harness: ServiceHarness) -> None:
    folder = fail_batch(harness, "talk.wav", "1.mp4", "2.mp4")
    for path in folder.glob("*/talk.wav"):
        path.unlink()  # it stays in done/ where the kernel lets nobody link it
    shutil.copytree(folder, harness.spool.inbox / "launch")
    service = harness.service()
    harness.run_rounds(service, 20)
    page = (harness.spool.root / TEXT_NAME).read_text()
    assert "is a folder that holds no audio" in page
    assert "put an empty file launch.retry here" in page
    harness.drop("launch/talk.wav")
    harness.run_rounds(service, 30)
    assert len(list(harness.spool.outbox.glob("launch*/*.mp4"))) == 2


def test_a_folder_in_a_folder_waits_until_all_of_it_is_complete(harness: ServiceHarness) -> None:
    inner = harness.spool.inbox / "launch" / "1"
    inner.mkdir(parents=True)
    (inner / "talk.wav").write_bytes(b"talk.wav")
    (inner / "1.mp4.part").write_bytes(b"1.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    assert "an upload into it is under way" in harness.status().inbox[0].reason
    (inner / "1.mp4.part").rename(inner / "1.mp4")
    harness.run_rounds(service, 3)
    assert not harness.executor.submitted
    harness.run_rounds(service, 20)
    assert (harness.spool.outbox / "launch" / "1.mp4").is_file()
