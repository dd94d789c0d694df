"""Finished batches: purged, removed, retried."""

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.spool import retention
from heygem_daemon.spool.batch import members, shared_files
from heygem_daemon.spool.batch.journal import Batch, BatchJournal
from heygem_daemon.spool.batch.made_again import plan_retry
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.roles import SILENT, SOUND
from heygem_daemon.spool.spool import Spool

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Tree = Callable[[Spool], dict[str, bytes | None]]
DAY = 86400.0
ALICE = 70_001


@pytest.fixture
def show(spool: Spool, fill: Fill, work: Work) -> Batch:
    """A finished batch of three, the second failed."""
    folder = fill(
        spool, "show", "t.wav", "1.mp4", "2-bad.mp4", "3.mp4", "notes.txt",
        **{"job": "crf = 20", "2-bad": "crf = 30"},
    )  # fmt: skip
    return work(spool, spool.batches.claim(folder))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_batch_is_listed(spool: Spool, show: Batch) -> None:
    assert [batch.journal.name for batch in spool.batches.latest_finished(10)] == ["show"]
    ends = show.journal.ended
    assert [end.outcome for end in ends] == ["published", "failed", "published"]
    assert [journal.name for journal in spool.latest_failed()] == ["show/2-bad"]
    assert spool.latest_published() == []


def test_rule_18_a_batch_is_purged_as_a_whole_by_its_completion(spool: Spool, show: Batch) -> None:
    (spool.outbox / "show" / "mine.txt").touch()
    (spool.outbox / "show" / "3.mp4").write_bytes(b"edited, and longer than it was")
    completed = show.journal.completed_at
    assert completed is not None
    assert not list(filter(None, retention.find_expired(spool, completed + 6.9 * DAY, 7.0)))
    due = list(filter(None, retention.find_expired(spool, completed + 7.1 * DAY, 7.0)))
    assert sorted(each.kind for each in due) == ["batch", "failed"]
    gone = list(filter(None, retention.purge(spool, due)))
    assert len(gone) == 2
    assert all(not path.exists() for each in gone for path in each.paths)
    assert names(spool.outbox / "show") == ["3.mp4", "mine.txt"]
    assert names(spool.done) == []
    assert names(spool.failed) == []


def test_names_are_found_in_any_case_as_the_share_does(
    spool: Spool, show: Batch, work: Work, fill: Fill
) -> None:
    assert spool.retry("SHOW/2-Bad") == "show"
    assert len(spool.ended.remove("Show/1").gone) > 3
    assert spool.retry("SHOW") == "show (2)"
    assert names(spool.inbox / "show (2)") == ["3.mp4", "3.wav", "job.toml"]
    assert spool.ended.remove("sHow").gone


@pytest.mark.parametrize("other_file", [False, True])
def test_find_expired_lists_every_path_of_a_batch_that_is_deleted(
    spool: Spool, show: Batch, other_file: bool
) -> None:
    if other_file:
        (spool.outbox / "show" / "mine.txt").touch()
    before = set(spool.root.rglob("*"))
    now = (show.journal.completed_at or 0.0) + 8 * DAY
    expired = {
        path for each in retention.find_expired(spool, now, 7.0) if each for path in each.paths
    }
    list(retention.purge(spool, retention.find_expired(spool, now, 7.0)))
    assert expired == {path for path in before if not path.exists()}


def test_purge_leaves_no_folder_of_a_batch(spool: Spool, show: Batch) -> None:
    completed = show.journal.completed_at or 0.0
    due = retention.find_expired(spool, completed + 8 * DAY, 7.0)
    list(retention.purge(spool, due))
    assert (names(spool.outbox), names(spool.done), names(spool.failed)) == ([], [], [])


def test_a_whole_batch_is_removed_by_its_name(spool: Spool, show: Batch) -> None:
    spool.ended.remove("show")
    assert (names(spool.outbox), names(spool.done), names(spool.failed)) == ([], [], [])
    with pytest.raises(BadInput):
        spool.ended.remove("show")


def test_a_member_is_removed_with_its_own_inputs_and_the_zip(spool: Spool, show: Batch) -> None:
    gone = {str(path.relative_to(spool.root)) for path in spool.ended.remove("show/1").gone}
    assert gone == {
        "outbox/show/1.mp4", "outbox/show/1.json", "outbox/show/show.zip",
        "done/show/inputs/1.mp4",
    }  # fmt: skip
    summary = json.loads((spool.outbox / "show" / "batch.json").read_text())
    assert [job["state"] for job in summary["jobs"]] == ["removed", "failed", "published"]
    assert summary["zip"] is None
    with pytest.raises(BadInput):
        spool.ended.remove("show/1")
    spool.ended.remove("show/2-bad")
    assert names(spool.failed) == []
    spool.ended.remove("show")
    assert (names(spool.outbox), names(spool.done)) == ([], [])


@pytest.mark.parametrize("name", ["show/..", "../show", "show/2-bad/..", "/show", "", "."])
def test_no_name_leads_out_of_the_spool(spool: Spool, show: Batch, tree: Tree, name: str) -> None:
    before = tree(spool)
    with pytest.raises(BadInput):
        spool.ended.remove(name)
    with pytest.raises(BadInput):
        spool.retry(name)
    assert tree(spool) == before


def test_the_reason_of_a_member_names_what_retry_takes(spool: Spool, show: Batch) -> None:
    text = (spool.failed / "show" / "2-bad" / "reason.txt").read_text()
    commands = re.findall(r"heygem-daemon retry ([^`\n]+)$", text, re.MULTILINE)
    assert commands == ["show/2-bad"] * 2  # once in each language
    assert spool.retry(*shlex.split(commands[0])) == "show"
    assert "2-bad.mp4" in names(spool.inbox / "show")


def test_a_retried_member_is_returned_as_a_folder(spool: Spool, show: Batch, work: Work) -> None:
    folder = spool.failed / "show" / "2-bad"
    assert names(folder) == [
        "2-bad.mp4", "2-bad.toml", "job.json", "job.toml", "reason.txt", "t.wav",
    ]  # fmt: skip
    assert spool.retry("show/2-bad") == "show"
    assert names(spool.inbox / "show") == ["2-bad.mp4", "2-bad.toml", "2-bad.wav", "job.toml"]
    assert names(spool.failed) == []
    batch = spool.batches.claim(spool.inbox / "show")
    (job,) = spool.batches.pending_jobs(batch)
    assert (job.title, job.journal.options.crf) == ("show (2)/2-bad", 30)
    assert (show.folder / "inputs" / "t.wav").exists()


def test_all_failed_members_are_returned_together(spool: Spool, fill: Fill, work: Work) -> None:
    work(spool, spool.batches.claim(fill(spool, "show", "t.wav", "bad1.mp4", "bad2.mp4", "3.mp4")))
    (spool.inbox / "show").mkdir()
    assert spool.retry("show") == "show (2)"
    assert names(spool.inbox / "show (2)") == ["bad1.mp4", "bad1.wav", "bad2.mp4", "bad2.wav"]
    assert names(spool.processing) == []


def test_a_sound_in_a_container_of_videos_is_returned_beside_its_video(
    spool: Spool, fill: Fill, work: Work
) -> None:
    folder = fill(spool, "show", "t.mp4", "bad.mp4", "3.mp4")
    batch = spool.batches.claim(
        folder, find_content=lambda entry: SOUND if entry.path.stem == "t" else SILENT
    )
    assert batch.journal.description == "2 videos speak t.mp4"
    work(spool, batch)
    assert spool.retry("show") == "show"
    assert (spool.inbox / "show" / "bad.m4a").read_bytes() == b"content of t.mp4"
    assert (spool.inbox / "show" / "bad.mp4").read_bytes() == b"content of bad.mp4"


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
def test_a_retry_killed_at_any_step_loses_nothing(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
) -> None:
    for step in range(1000):
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        work(spool, spool.batches.claim(fill(spool, "show", "t.wav", "bad1.mp4", "bad2.mp4")))
        try:
            Spool(spool.root, files=killing_disk(step, False)).retry("show")
        except killed:
            spool.recover()
        else:
            break
        left = [path.name for path in spool.failed.rglob("*.*") if path.suffix != ".txt"]
        back = [path.name for path in spool.inbox.rglob("*.*")]
        assert len([name for name in left + back if name.endswith(".mp4")]) == 2, step
        assert len([name for name in left + back if name.endswith(".wav")]) == 2, step
        assert not list(spool.processing.iterdir())
    assert step > 10


@pytest.fixture
def published(spool: Spool, fill: Fill, work: Work) -> Batch:
    """A finished batch of two, both published, with a sidecar for both and one for the second."""
    folder = fill(
        spool, "show", "t.wav", "1.mp4", "2.mp4", "notes.txt",
        **{"job": "crf = 20", "2": 'face = "right"'},
    )  # fmt: skip
    return work(spool, spool.batches.claim(folder))


def options_of(spool: Spool, name: str) -> dict[str, tuple[int | None, str | int | None]]:
    """Claim a folder of the inbox, and return crf and face of its members by their titles."""
    jobs = spool.batches.pending_jobs(spool.batches.claim(spool.inbox / name))
    return {job.title: (job.journal.options.crf, job.journal.options.face) for job in jobs}


def test_a_published_batch_is_returned_as_it_was_dropped(
    spool: Spool, published: Batch, tree: Tree
) -> None:
    (published.inputs / "mine.wav").write_bytes(b"a user's own")
    outbox = {path: data for path, data in tree(spool).items() if path.startswith("outbox/")}
    assert spool.retry("show") == "show"
    assert names(spool.inbox / "show") == ["1.mp4", "2.mp4", "2.toml", "job.toml", "t.wav"]
    assert names(published.inputs) == ["mine.wav", "notes.txt"]
    assert options_of(spool, "show") == {"show (2)/1": (20, None), "show (2)/2": (20, "right")}
    found = tree(spool)
    assert {path: found[path] for path in outbox} == outbox
    assert names(spool.processing)[1:] == []


def test_new_options_of_a_batch_replace_its_own_for_all(spool: Spool, published: Batch) -> None:
    asked = spool.inbox / "show.retry"
    asked.write_text('face = "left"')
    assert spool.ended.retry("show", NewOptions(asked)) == "show"
    assert not asked.exists()
    assert options_of(spool, "show") == {
        "show (2)/1": (None, "left"),
        "show (2)/2": (None, "right"),
    }


@pytest.mark.parametrize("with_options", [False, True])
def test_one_published_member_is_returned_and_the_others_keep_what_they_share(
    spool: Spool, published: Batch, with_options: bool
) -> None:
    (spool.inbox / "show.retry").write_text('face = "left"')
    options = NewOptions(spool.inbox / "show.retry") if with_options else None
    assert spool.ended.retry("show/2", options) == "show"
    found = {"2.mp4", "2.wav", "job.toml"} | (set() if with_options else {"2.toml"})
    assert set(names(spool.inbox / "show")) == found
    expected = (None, "left") if with_options else (20, "right")
    assert options_of(spool, "show") == {"show (2)/2": expected}
    with pytest.raises(BadInput, match=r"as they were: 2\.mp4"):
        spool.retry("show")
    assert spool.retry("show/1") == "show"
    assert (spool.inbox / "show" / "1.wav").read_bytes() == b"content of t.wav"


@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_batch_is_not_made_again_from_other_files(
    spool: Spool, published: Batch, tree: Tree, how: str
) -> None:
    if how == "changed":
        (published.inputs / "t.wav").write_bytes(b"another sound")
    else:
        (published.inputs / "t.wav").unlink()
    before = tree(spool)
    with pytest.raises(BadInput, match=r"Not all inputs of show are in done as they were: t\.wav"):
        spool.retry("show")
    assert tree(spool) == before


def test_a_withheld_batch_is_not_made_again_and_nothing_moves(
    spool: Spool, published: Batch, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spool.inbox / "show.retry"
    asked.write_text('face = "left"')
    before = tree(spool)
    rename = FileOperations.rename

    def refuse(self: FileOperations, source: Path, target: Path) -> None:
        if source.parent == published.inputs:
            raise PermissionError(13, "Permission denied", str(source))
        rename(self, source, target)

    monkeypatch.setattr(FileOperations, "rename", refuse)
    with pytest.raises(BadInput, match="cannot be taken: Permission denied"):
        spool.ended.retry("show", NewOptions(asked))
    assert tree(spool) == before


def test_a_batch_whose_media_vanish_as_a_retry_begins_is_not_made_again(
    spool: Spool, published: Batch, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spool.inbox / "show.retry"
    asked.write_text('face = "left"')
    media = [path for path in published.inputs.iterdir() if path.suffix in (".wav", ".mp4")]
    before = {path: data for path, data in tree(spool).items() if spool.root / path not in media}

    def plan_and_lose(*args: Any) -> BatchJournal:
        journal = plan_retry(*args)
        for path in media:
            path.unlink()
        return journal

    monkeypatch.setattr("heygem_daemon.spool.batch.retries.plan_retry", plan_and_lose)
    with pytest.raises(BadInput, match=r"The inputs of show have just been taken\."):
        spool.ended.retry("show", NewOptions(asked))
    assert tree(spool) == before


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("name", ["show", "show/2"])
def test_a_batch_killed_at_any_step_of_being_made_again_comes_back_whole(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    tree: Tree,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
    name: str,
) -> None:
    for step in range(1000):
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        work(spool, spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "2.mp4", job="")))
        done = {path for path in tree(spool) if path.startswith("done/show/inputs/")}
        try:
            Spool(spool.root, files=killing_disk(step, False)).retry(name)
        except killed:
            spool.recover()
        else:
            break
        assert not list(spool.processing.iterdir())
        found = tree(spool)
        back = sorted(Path(path).name for path in found if path.startswith("inbox/"))
        if not back:
            assert done <= found.keys()
        elif name == "show":
            assert back == ["1.mp4", "2.mp4", "job.toml", "t.wav"]
        else:
            assert back == ["2.mp4", "2.wav", "job.toml"]
            assert "done/show/inputs/t.wav" in found
    assert step > 6


def refuse_links(self: FileOperations, source: Path, target: Path) -> None:
    raise OSError(1, "Operation not permitted", str(source))


def refuse_copies(self: FileOperations, source: Path, target: Path) -> None:
    raise AssertionError(f"{source.name} is copied in the main loop")


@pytest.fixture
def unlinkable(
    spool: Spool, fill: Fill, work: Work, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Batch]:
    """Close a batch whose files nobody may link, as Linux refuses it for files of other users
    (fs.protected_hardlinks)."""
    monkeypatch.setattr(FileOperations, "link", refuse_links)

    def closed(*names: str) -> Batch:
        with monkeypatch.context() as patched:
            patched.setattr(FileOperations, "copy", refuse_copies)
            return work(spool, spool.batches.claim(fill(spool, "show", "t.wav", *names)))

    return closed


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_a_shared_file_that_nobody_may_link_stays_with_the_batch_until_a_retry(
    spool: Spool,
    unlinkable: Callable[..., Batch],
    tree: Tree,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
) -> None:
    """A file up to the limit is then copied; a longer one is moved, and the next one misses it."""
    monkeypatch.setattr(shared_files, "MAX_COPIED_BYTES", limit)
    closed = unlinkable("1.mp4", "bad.mp4", "bad2.mp4")
    for name in ("bad", "bad2"):
        folder = spool.failed / "show" / name
        assert names(folder) == [f"{name}.mp4", "job.json", "reason.txt"]
        assert "What is not here is used by other members" in (folder / "reason.txt").read_text()
    assert spool.retry("show/bad") == "show"
    assert names(spool.inbox / "show") == ["bad.mp4", "bad.wav"]
    assert tree(spool)["inbox/show/bad.wav"] == b"content of t.wav"
    assert (closed.inputs / "t.wav").exists() == (limit > 0)
    if limit == 0:
        with pytest.raises(BadInput, match=r"lacks t\.wav"):
            spool.retry("show/bad2")
    else:
        spool.retry("show/bad2")
    assert names(spool.processing) == []


@pytest.mark.parametrize("others", [(), ("1.mp4",)])
def test_members_that_share_a_file_are_retried_with_it_once(
    spool: Spool, unlinkable: Callable[..., Batch], fill: Fill, work: Work, others: tuple[str, ...]
) -> None:
    closed = unlinkable(*others, "bad1.mp4", "bad2.mp4", "bad3.mp4")
    assert spool.retry("show") == "show"
    assert names(spool.inbox / "show") == ["bad1.mp4", "bad2.mp4", "bad3.mp4", "t.wav"]
    assert (closed.inputs / "t.wav").exists() == bool(others)
    assert names(spool.processing) == []
    again = spool.batches.claim(spool.inbox / "show")
    assert [each.name for each in again.journal.members] == ["bad1", "bad2", "bad3"]


def test_a_shared_file_is_not_taken_from_a_batch_that_is_under_way(
    spool: Spool, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileOperations, "link", refuse_links)
    batch = spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "bad.mp4"))
    spool.fail(spool.batches.pending_jobs(batch)[1], "It is bad.")
    with pytest.raises(BadInput, match=r"t\.wav of show/bad is used by other members"):
        spool.retry("show/bad")


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
def test_a_retry_of_members_that_share_a_file_is_whole_after_a_kill_at_any_step(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    tree: Tree,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FileOperations, "link", refuse_links)
    for step in range(1000):
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        dropped = fill(spool, "show", "t.wav", "1.mp4", "bad1.mp4", "bad2.mp4")
        work(spool, spool.batches.claim(dropped))
        try:
            Spool(spool.root, files=killing_disk(step, False)).retry("show")
        except killed:
            spool.recover()
        else:
            break
        assert names(spool.processing) == []
        found = tree(spool)
        back = {Path(path).name for path in found if path.startswith("inbox/")}
        failed = {Path(path).name for path in found if path.startswith("failed/")}
        assert back | failed >= {"bad1.mp4", "bad2.mp4"}
        assert not back or "t.wav" in back or "bad1.wav" in back
        assert "done/show/inputs/t.wav" in found
    assert step > 10


def test_the_rest_of_a_deleted_member_is_removed_at_the_next_start(
    spool: Spool, show: Batch
) -> None:
    journal = next(end for end in show.journal.ended if end.outcome == "failed")
    folder = spool.processing / journal.id
    folder.mkdir()
    (folder / "job.json").write_bytes(journal.dumps())
    assert spool.recover() == []
    assert names(spool.processing) == []


def test_the_final_journal_of_a_member_is_found_by_its_number(spool: Spool, fill: Fill) -> None:
    batch = spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "bad.mp4"))
    first, bad = spool.batches.pending_jobs(batch)
    spool.fail(bad, "It is bad.")
    shutil.rmtree(spool.failed)
    spool.restore_folders()
    assert [job.id for job in members.pending_jobs(batch)] == [first.id]
    ended: Journal | None = spool.batches.final_journal(batch, 2)
    assert ended is not None
    assert ended.reason == "It is bad."


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
@pytest.mark.parametrize("asked", ["show", "show/bad1"])
def test_a_retried_batch_belongs_to_who_dropped_it_first(
    spool: Spool, fill: Fill, work: Work, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is the daemon's then, and so is its copy of the shared sound."""
    monkeypatch.setattr(FileOperations, "link", refuse_links)
    folder = fill(spool, "show", "t.wav", "1.mp4", "bad1.mp4", "bad2.mp4")
    for path in (folder, *folder.iterdir()):
        os.chown(path, ALICE, -1)
    assert work(spool, spool.batches.claim(folder)).journal.owner == ALICE
    spool.retry(asked)
    again = spool.batches.claim(spool.inbox / "show")
    assert {path.stat().st_uid for path in again.media.iterdir()} == {0, ALICE}
    assert again.journal.owner == ALICE
    assert {job.journal.owner for job in spool.batches.pending_jobs(again)} == {ALICE}
