"""Publishing and failing of jobs."""

import errno
import itertools
import json
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.publish import MAX_WARNING
from heygem_daemon.spool.spool import Spool

AUDIO, VIDEO = b"sound of the job", b"pictures of the job"
Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]
Tree = Callable[[Spool], dict[str, bytes | None]]
NewDisk = Callable[..., FileOperations]

_STEPS = 20
"""More operations than the publishing or failing of a job has."""


def test_a_result_is_published_with_report_strip_and_inputs(
    spool: Spool, take: Take, publish: Publish, tree: Tree
) -> None:
    publish(spool, take(spool, "Talk.WAV", "talk.mp4"))
    found = tree(spool)
    assert json.loads(found.pop("outbox/Talk.json") or b"") == {"job": "Talk"}
    journal = json.loads(found.pop("done/Talk/job.json") or b"")
    assert journal["completed_at"] > 0
    assert found == {
        "outbox/Talk.mp4": b"lips in sync",
        "outbox/Talk.png": b"before and after",
        "done/Talk/Talk.WAV": AUDIO,
        "done/Talk/talk.mp4": VIDEO,
    }


def test_the_journal_keeps_the_start_of_a_warning(spool: Spool, take: Take) -> None:
    for warning in ("", "The audio is silent.", "x" * (MAX_WARNING + 1)):
        job = take(spool, "talk.wav", "talk.mp4")
        (result := job.workspace / "result.mp4").write_bytes(b"video")
        published = spool.publish(job, result, {}, None, warning)
        assert published.journal.warning == warning[:MAX_WARNING]


def test_publish_returns_the_paths_of_the_results(spool: Spool, take: Take) -> None:
    job = take(spool)
    result = job.workspace / "out.mp4"
    result.write_bytes(b"x")
    published = spool.publish(job, result, {})
    assert published.name == "talk"
    assert published.video.read_bytes() == b"x"
    assert published.report.is_file()
    assert published.strip is None
    assert (published.inputs / "talk.wav").is_file()


def test_a_quicktime_result_keeps_its_suffix_to_the_end(
    spool: Spool, take: Take, tree: Tree
) -> None:
    job = take(spool)
    result = job.workspace / "result.mov"
    result.write_bytes(b"x")
    published = spool.publish(job, result, {})
    assert published.video == spool.outbox / "talk.mov"
    assert {path for path in tree(spool) if path.startswith("outbox/")} == {
        "outbox/talk.mov",
        "outbox/talk.json",
    }
    spool.ended.remove("talk")
    assert not {path for path in tree(spool) if path.startswith("outbox/")}


def test_a_worker_cannot_choose_another_suffix(spool: Spool, take: Take) -> None:
    job = take(spool)
    result = job.workspace / "result.sh"
    result.write_bytes(b"x")
    assert spool.publish(job, result, {}).video == spool.outbox / "talk.mp4"


def test_rule_17_an_earlier_result_is_never_overwritten(
    spool: Spool, take: Take, publish: Publish, tree: Tree
) -> None:
    for name in ("talk", "Talk", unicodedata.normalize("NFD", "talk")):
        publish(spool, take(spool, f"{name}.wav", f"{name}.mp4"))
    mp4s = {path for path in tree(spool) if path.startswith("outbox/") and path.endswith("mp4")}
    assert mp4s == {"outbox/talk.mp4", "outbox/Talk (2).mp4", "outbox/talk (3).mp4"}
    assert {path.name for path in spool.done.iterdir()} == {"talk", "Talk (2)", "talk (3)"}


def test_rule_17_a_users_file_in_the_outbox_keeps_its_name(
    spool: Spool, take: Take, publish: Publish
) -> None:
    (spool.outbox / "talk.json").write_bytes(b"mine")
    publish(spool, take(spool))
    assert (spool.outbox / "talk.json").read_bytes() == b"mine"
    assert {path.name for path in spool.outbox.iterdir()} == {
        "talk.json", "talk (2).json", "talk (2).png", "talk (2).mp4",
    }  # fmt: skip


def test_rule_16_the_mp4_appears_last_and_whole(
    tmp_path: Path, take: Take, publish: Publish
) -> None:
    seen: list[set[str]] = []

    class ListingFiles(FileOperations):
        def rename(self, source: Path, target: Path) -> None:
            super().rename(source, target)
            seen.append({path.name for path in (tmp_path / "outbox").iterdir()})

    spool = Spool(tmp_path, files=ListingFiles())
    spool.prepare()
    publish(spool, take(spool))
    first = next(names for names in seen if "talk.mp4" in names)
    assert first == {"talk.mp4", "talk.json", "talk.png"}
    assert not any(name.startswith(".") for names in seen for name in names)


def test_a_failed_job_says_what_is_wrong_and_what_to_do(
    spool: Spool, take: Take, tree: Tree
) -> None:
    job = spool.record_error(take(spool), "worker died:\n signal 11")
    folder = spool.fail(job, "There is no face in talk.mp4.", "Film a person.")
    assert folder == spool.failed / "talk"
    text = (folder / "reason.txt").read_text()
    for words in (
        "There is no face in talk.mp4.",
        "Film a person.",
        "Attempts:   1",
        f"Job id:     {job.id}",
        "worker died: signal 11",
        "heygem-daemon retry talk",
    ):
        assert words in text
    found = tree(spool)
    assert {"failed/talk/talk.wav", "failed/talk/talk.mp4"} < set(found)
    assert not any(path.startswith(("processing", "inbox")) for path in found)


def test_a_reason_is_in_both_languages_with_local_times(
    spool: Spool, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    reason = "talk.mp4 is truncated: it ends after 3.0 of 5.0 seconds."
    try:
        text = (spool.fail(take(spool), reason) / "reason.txt").read_text()
        spool.language = "zh"
        chinese = (spool.fail(take(spool), reason) / "reason.txt").read_text()
        spool.language = "en"
        english = (spool.fail(take(spool), reason) / "reason.txt").read_text()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert f"Reason:     {reason}" in text
    assert "原因：      talk.mp4 不完整：应有 5.0 秒，到 3.0 秒就结束了。" in text
    assert text.count(" CST\n") == 2
    assert "Reason" not in chinese
    assert "请在收件夹中放一个空文件：talk (2).retry" in chinese
    assert "heygem-daemon retry 'talk (2)'" in chinese
    assert "原因" not in english


def test_failures_of_the_same_name_get_different_folders(spool: Spool, take: Take) -> None:
    folders = [spool.fail(take(spool), f"Reason {number}.") for number in (1, 2)]
    assert [folder.name for folder in folders] == ["talk", "talk (2)"]
    assert "Reason 1." in (folders[0] / "reason.txt").read_text()
    assert "retry 'talk (2)'" in (folders[1] / "reason.txt").read_text()


def test_rule_11_all_renames_may_lose_their_replies(
    tmp_path: Path, take: Take, publish: Publish, tree: Tree, forgetful_disk: NewDisk
) -> None:
    spool = Spool(tmp_path, files=forgetful_disk(errno.ENOENT))
    spool.prepare()
    publish(spool, take(spool))
    folder = spool.fail(take(spool), "No.")
    assert spool.retry(folder.name) == "talk"
    assert _published_once(tree(spool))


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("torn", [False, True])
def test_rule_16_a_publication_killed_at_any_step_is_finished_exactly_once(
    tmp_path: Path,
    take: Take,
    publish: Publish,
    tree: Tree,
    killing_disk: NewDisk,
    killed: type[BaseException],
    torn: bool,
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take(spool)
        try:
            publish(Spool(spool.root, files=killing_disk(step, torn)), job)
        except killed:
            _recover_with_kills(spool, publish, killing_disk, killed)
        else:
            break
        assert _published_once(tree(spool)), f"killed at step {step}"
    assert step > 8


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_rule_15_a_publication_on_a_failing_disk_can_be_repeated(
    tmp_path: Path, take: Take, tree: Tree, faulty_disk: NewDisk, number: int, late: bool
) -> None:
    for step in range(_STEPS):
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take(spool)
        result = job.workspace / "result.mp4"
        result.write_bytes(b"lips in sync")
        strip = job.workspace / "strip.png"
        strip.write_bytes(b"before and after")
        try:
            broken = Spool(spool.root, files=faulty_disk(step, number, late))
            broken.publish(job, result, {"job": "talk"}, strip)
        except SpoolUnavailable:
            assert spool.publish(job, result, {"job": "talk"}, strip).name == "talk"
        assert _published_once(tree(spool)), f"fault at step {step}"


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("late", [False, True])
def test_rule_15_a_failure_on_a_failing_disk_can_be_repeated(
    tmp_path: Path, take: Take, tree: Tree, faulty_disk: NewDisk, late: bool
) -> None:
    for step in range(_STEPS):
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take(spool)
        try:
            Spool(spool.root, files=faulty_disk(step, errno.EIO, late)).fail(job, "No face.")
        except SpoolUnavailable:
            assert spool.fail(job, "No face.") == spool.failed / "talk"
        found = tree(spool)
        assert {path.split("/")[1] for path in found} == {"talk"}
        assert found["failed/talk/talk.wav"] == AUDIO


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("torn", [False, True])
def test_a_failure_killed_at_any_step_is_finished_exactly_once(
    tmp_path: Path,
    take: Take,
    tree: Tree,
    killing_disk: NewDisk,
    killed: type[BaseException],
    torn: bool,
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take(spool)
        try:
            Spool(spool.root, files=killing_disk(step, torn)).fail(job, "No face.", "Film one.")
        except killed:
            for again in spool.recover():
                spool.fail(again, "No face.", "Film one.")
        else:
            break
        found = tree(spool)
        assert b"No face." in (found.pop("failed/talk/reason.txt") or b"")
        assert found.pop("failed/talk/job.json")
        assert found == {"failed/talk/talk.wav": AUDIO, "failed/talk/talk.mp4": VIDEO}
    assert step > 4


@pytest.mark.usefixtures("no_sync")
def test_a_name_taken_while_the_daemon_was_down_is_chosen_again(
    tmp_path: Path,
    take: Take,
    publish: Publish,
    tree: Tree,
    killing_disk: NewDisk,
    killed: type[BaseException],
) -> None:
    spool = _killed_between_report_and_mp4(tmp_path, take, publish, killing_disk, killed)
    (spool.outbox / "talk.mp4").write_bytes(b"a user's")
    assert spool.recover() == []
    found = tree(spool)
    assert found["outbox/talk.mp4"] == b"a user's"
    assert found["outbox/talk (2).mp4"] == b"lips in sync"
    assert "outbox/talk (2).json" in found
    assert "outbox/talk.json" not in found
    assert "done/talk (2)/talk.wav" in found


def _killed_between_report_and_mp4(
    tmp_path: Path,
    take: Take,
    publish: Publish,
    killing_disk: NewDisk,
    killed: type[BaseException],
) -> Spool:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take(spool)
        with pytest.raises(killed):
            publish(Spool(spool.root, files=killing_disk(step)), job)
        if (spool.outbox / "talk.json").exists():
            break
    assert not (spool.outbox / "talk.mp4").exists()
    return spool


def _recover_with_kills(
    spool: Spool, publish: Publish, killing_disk: NewDisk, killed: type[BaseException]
) -> None:
    """Restart until a start succeeds; each one is killed one operation later than the last."""
    for step in itertools.count():
        again = Spool(spool.root, files=killing_disk(step))
        try:
            for job in again.recover():
                publish(again, again.begin_attempt(job))
        except killed:
            continue
        return


def _published_once(found: dict[str, bytes | None]) -> bool:
    expected = {
        "outbox/talk.mp4": b"lips in sync",
        "outbox/talk.png": b"before and after",
        "done/talk/talk.wav": AUDIO,
        "done/talk/talk.mp4": VIDEO,
    }
    of_job = {path for path in found if path.startswith(("outbox", "done", "processing"))}
    return (
        all(found.get(path) == content for path, content in expected.items())
        and json.loads(found["outbox/talk.json"] or b"")["job"] == "talk"
        and of_job == {*expected, "outbox/talk.json", "done/talk/job.json"}
    )
