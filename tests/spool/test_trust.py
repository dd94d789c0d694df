"""Nothing that users put into outbox/, done/ or failed/ decides what the daemon does.

Each test is a way in which it once did: files outside the spool were deleted or published.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput, ConfigurationError, SpoolUnavailable
from heygem_daemon.spool import retention
from heygem_daemon.spool.batch.journal import BatchJournal, BatchMember
from heygem_daemon.spool.job import Job, Journal, PublishedFile
from heygem_daemon.spool.spool import Spool

Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]
MONTH = 30 * 86_400.0
ESCAPES = ["/{outside}", "../../{outside}", "a/b", "..", ".", ""]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_bytes(b"precious")
    return folder


def purge(spool: Spool) -> tuple[set[Path], set[Path]]:
    """Purge everything; return what was announced and what is gone."""
    now = spool.now() + MONTH
    before = set(spool.root.rglob("*"))
    found = [each for each in retention.find_expired(spool, now, 7) if each]
    list(retention.purge(spool, retention.find_expired(spool, now, 7)))
    gone = {path for path in before if not os.path.lexists(path)}
    return {path for each in found for path in each.paths}, gone


def forge_batch(folder: Path, name: str) -> None:
    """Write the record of a batch as an earlier version of the daemon believed it."""
    folder.mkdir(parents=True)
    result = {"name": "precious", "size": 8}
    journal = {
        "version": 1, "id": "x", "name": name, "folder_name": "x", "claimed_at": 1.0,
        "outcome": "finished", "completed_at": 1.0, "done_name": name, "published": [result],
    }  # fmt: skip
    (folder / "batch.json").write_text(json.dumps(journal))


@pytest.mark.parametrize("name", ESCAPES)
def test_rule_18_a_forged_record_in_done_deletes_nothing(
    spool: Spool, outside: Path, name: str
) -> None:
    forge_batch(spool.done / "x", name.format(outside=outside))
    forge_batch(spool.failed / "x", name.format(outside=outside))
    journal = Journal(
        id="y", name="y", audio_name="a.wav", video_name="a.mp4", claimed_at=1, completed_at=1,
        outcome="published", published=(PublishedFile(name="mine.mp4", size=4),),
    )  # fmt: skip
    (spool.done / "y").mkdir()
    (spool.done / "y" / "job.json").write_bytes(journal.dumps())
    (spool.done / "y" / "a.wav").write_bytes(b"a user's")
    (spool.outbox / "mine.mp4").write_bytes(b"mine")
    assert purge(spool) == (set(), set())
    for known in ("x", "y"):
        with pytest.raises(BadInput):
            spool.ended.remove(known)
        with pytest.raises(BadInput):
            spool.retry(known)
    assert spool.recover() == []
    assert (spool.latest_published(), spool.latest_failed()) == ([], [])
    assert spool.batches.latest_finished(10) == []
    assert (outside / "precious").read_bytes() == b"precious"


def test_rule_18_a_result_replaced_by_a_file_of_the_same_size_is_a_users(
    spool: Spool, take: Take, publish: Publish
) -> None:
    publish(spool, take(spool))
    result = spool.outbox / "talk.mp4"
    size = result.stat().st_size
    result.unlink()
    result.write_bytes(b"u" * size)
    with (spool.outbox / "talk.png").open("r+b") as picture:  # the same inode
        picture.write(b"u")
    announced, gone = purge(spool)
    assert announced == gone
    assert result.read_bytes() == b"u" * size
    assert (spool.outbox / "talk.png").is_file()
    assert not (spool.outbox / "talk.json").exists()


def test_rule_18_empty_folders_of_users_stay(spool: Spool, take: Take) -> None:
    spool.fail(take(spool), "No face.")
    for folder in (spool.done / "mine", spool.failed / "mine" / "inner", spool.outbox / "mine"):
        folder.mkdir(parents=True)
    announced, gone = purge(spool)
    assert announced == gone
    assert (spool.done / "mine").is_dir()
    assert (spool.failed / "mine" / "inner").is_dir()
    assert (spool.outbox / "mine").is_dir()
    assert not (spool.failed / "talk").exists()


def test_a_retry_takes_only_the_files_that_failed(spool: Spool, take: Take) -> None:
    folder = spool.fail(take(spool), "No face.")
    (folder / "notes.txt").write_bytes(b"a user's")
    (folder / "job.json").write_text('{"forged": true}')
    (folder / "talk.mp4").write_bytes(b"another video")
    with pytest.raises(BadInput, match=r"talk\.mp4 of talk is not the file that failed"):
        spool.retry("talk")
    assert list(spool.inbox.iterdir()) == []
    assert list(spool.processing.iterdir()) == []


def test_a_retry_leaves_files_of_others_where_they_are(spool: Spool, take: Take) -> None:
    folder = spool.fail(take(spool), "No face.")
    (folder / "notes.txt").write_bytes(b"a user's")
    assert spool.retry("talk") == "talk"
    assert sorted(path.name for path in spool.inbox.iterdir()) == ["talk.mp4", "talk.wav"]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert spool.latest_failed() == []


@pytest.mark.parametrize("field", ["name", "id", "folder_name", "done_name", "failed_name"])
def test_rule_13_a_batch_journal_that_names_a_path_is_set_aside(
    spool: Spool, outside: Path, field: str
) -> None:
    folder = spool.processing / "20261121-000000-aaaaaa"
    (folder / "inputs").mkdir(parents=True)
    member = BatchMember(name="1", audio="a.wav", video="1.mp4")
    journal = BatchJournal(
        id=folder.name, name="show", folder_name="show", claimed_at=1, members=(member,)
    ).model_dump()
    journal[field] = str(outside)
    (folder / "batch.json").write_text(json.dumps(journal))
    assert spool.recover() == []
    assert (spool.failed / folder.name / "reason.txt").is_file()
    assert sorted(path.name for path in outside.iterdir()) == ["precious"]


@pytest.mark.parametrize("path", [["outbox", ".."], ["outbox", "a/b"], [".state", "lock"], ["x"]])
def test_a_record_that_leads_elsewhere_is_set_aside(
    spool: Spool, take: Take, publish: Publish, path: list[str]
) -> None:
    publish(spool, take(spool))
    (file,) = spool.finished.iterdir()
    record = json.loads(file.read_bytes())
    record["files"][0]["path"] = path
    file.write_text(json.dumps(record))
    assert purge(spool)[1] == set()
    spool.recover()
    assert list(spool.finished.iterdir()) == []
    aside = spool.state / "set-aside"
    assert sorted(each.name for each in aside.iterdir()) == [file.name, f"{file.name}.reason.txt"]


@pytest.mark.parametrize("name", ["inbox", "outbox", "done", "failed", "processing", ".state"])
def test_a_folder_that_became_a_link_holds_the_daemon(
    spool: Spool, take: Take, outside: Path, name: str
) -> None:
    job = take(spool)
    (job.workspace / "result.mp4").write_bytes(b"lips in sync")
    (spool.root / name).rename(spool.root.with_name("away"))
    (spool.root / name).symlink_to(outside)
    with pytest.raises(SpoolUnavailable, match=f"/{name} was replaced by a link"):
        spool.check_folders()
    for act in (
        lambda: spool.publish(job, job.workspace / "result.mp4", {}),
        lambda: spool.fail(job, "No face."),
        spool.recover,
    ):
        with pytest.raises(SpoolUnavailable, match=f"/{name} was replaced by a link"):
            act()
    assert sorted(path.name for path in outside.iterdir()) == ["precious"]


def test_a_folder_that_was_exchanged_holds_the_daemon(spool: Spool, take: Take) -> None:
    job = take(spool)
    spool.outbox.rename(spool.root / "away")
    spool.outbox.mkdir()
    with pytest.raises(SpoolUnavailable, match=r"/outbox was replaced .* restart the daemon"):
        spool.fail(job, "No face.")
    Spool(spool.root).prepare()
    spool.prepare()
    spool.fail(job, "No face.")


@pytest.mark.parametrize("name", ["processing", ".state", ".cache"])
def test_a_start_refuses_private_folders_that_others_can_write_to(spool: Spool, name: str) -> None:
    folder = spool.root / name
    assert folder.stat().st_mode & 0o777 == 0o700
    for mode in (0o720, 0o702):
        folder.chmod(mode)
        with pytest.raises(ConfigurationError, match=rf"{name} .*chmod go-w"):
            Spool(spool.root).prepare()
    folder.chmod(0o755)
    Spool(spool.root).prepare()
    if os.geteuid() == 0:
        os.chown(folder, 12345, -1)
        with pytest.raises(ConfigurationError, match=rf"{name} belongs to another user"):
            Spool(spool.root).prepare()


@pytest.mark.parametrize("name", ["audio.wav", "work"])
def test_links_in_a_jobs_folder_are_not_followed(
    spool: Spool, take: Take, outside: Path, name: str
) -> None:
    job = take(spool)
    (job.workspace / "result.mp4").write_bytes(b"lips in sync")
    target = job.folder / name
    target.rename(job.folder / "away")
    target.symlink_to(outside / "precious" if name == "audio.wav" else outside)
    (outside / "result.mp4").write_bytes(b"a private video")
    if name == "work":
        with pytest.raises(SpoolUnavailable, match="was replaced by a link"):
            spool.publish(job, job.workspace / "result.mp4", {})
        assert list(spool.outbox.iterdir()) == []
    else:
        assert spool.recover() == []
        assert (spool.inbox / "talk.wav").is_symlink()
    assert (outside / "precious").read_bytes() == b"precious"
    assert (outside / "result.mp4").read_bytes() == b"a private video"
