"""Claims: all files of a pair, or none."""

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import ClaimFailed, SpoolUnavailable
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.spool import Spool

AUDIO, VIDEO = b"sound of the job", b"pictures of the job"
First = Callable[[Spool], Pair]
Drop = Callable[..., None]
Tree = Callable[[Spool], dict[str, bytes | None]]


def test_a_claim_takes_both_files_under_internal_names(
    spool: Spool, drop: Drop, first_pair: First
) -> None:
    drop(spool, "Größe 👩.WAV", "größe 👩.Mov")
    job = spool.claim(first_pair(spool))
    assert job.folder == spool.processing / job.id
    assert (job.audio.name, job.video.name) == ("audio.wav", "video.mov")
    assert (job.audio.read_bytes(), job.video.read_bytes()) == (AUDIO, VIDEO)
    assert job.workspace.is_dir()
    assert scan(spool.inbox).entries == ()
    assert job.journal.audio_name == "Größe 👩.WAV"
    assert str(job.folder.relative_to(spool.root)).isascii()


def test_markers_go_with_the_claim(spool: Spool, drop: Drop, first_pair: First) -> None:
    drop(spool)
    for name in ("talk.wav.ready", "talk.ready", "other.ready"):
        (spool.inbox / name).touch()
    spool.claim(first_pair(spool))
    assert [path.name for path in spool.inbox.iterdir()] == ["other.ready"]


def test_rule_12_a_claim_takes_both_or_none(spool: Spool, drop: Drop, first_pair: First) -> None:
    drop(spool)
    pair = first_pair(spool)
    pair.video.unlink()
    with pytest.raises(ClaimFailed, match=r"talk\.mp4"):
        spool.claim(pair)
    assert [path.name for path in spool.inbox.iterdir()] == ["talk.wav"]
    assert list(spool.processing.iterdir()) == []


def test_rule_13_a_file_replaced_by_a_link_is_not_claimed(
    spool: Spool, drop: Drop, first_pair: First, tmp_path: Path
) -> None:
    drop(spool)
    pair = first_pair(spool)
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    pair.video.unlink()
    pair.video.symlink_to(secret)
    with pytest.raises(ClaimFailed):
        spool.claim(pair)
    assert pair.video.is_symlink()
    assert pair.audio.read_bytes() == AUDIO
    assert list(spool.processing.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EACCES])
def test_rule_9_a_held_file_is_left_for_later(
    spool: Spool,
    drop: Drop,
    first_pair: First,
    tree: Tree,
    faulty_disk: Callable[[int, int], FileOperations],
    number: int,
) -> None:
    drop(spool)
    before = tree(spool)
    for step in (2, 3):  # the two renames
        broken = Spool(spool.root, files=faulty_disk(step, number))
        with pytest.raises(ClaimFailed):
            broken.claim(first_pair(spool))
        assert tree(spool) == before


def test_rule_12_returned_files_overwrite_nothing(
    spool: Spool, drop: Drop, first_pair: First, tree: Tree
) -> None:
    drop(spool)
    job = spool.claim(first_pair(spool))
    job.video.unlink()
    (spool.inbox / "TALK.wav").write_bytes(b"another")
    assert spool.recover() == []
    assert tree(spool) == {"inbox/TALK.wav": b"another", "inbox/talk (2).wav": AUDIO}


def test_rule_13_active_jobs_are_queued_again_oldest_first(
    tmp_path: Path, drop: Drop, first_pair: First
) -> None:
    now = itertools.count(1000, -10)  # a clock that is set back between the claims
    spool = Spool(tmp_path, clock=lambda: float(next(now)))
    spool.prepare()
    for name in ("a", "b"):
        drop(spool, f"{name}.wav", f"{name}.mp4")
        spool.claim(first_pair(spool))
    found = spool.recover()
    assert [job.name for job in found] == ["b", "a"]
    assert spool.recover(active_ids=[found[0].id]) == [found[1]]


def test_rule_13_a_job_with_an_unreadable_journal_is_set_aside(
    spool: Spool, drop: Drop, first_pair: First
) -> None:
    drop(spool)
    job = spool.claim(first_pair(spool))
    (job.folder / "job.json").write_bytes(b"\0\0\0")
    assert spool.recover() == []
    aside = spool.failed / job.id
    assert (aside / "audio.wav").read_bytes() == AUDIO
    assert (aside / "video.mp4").read_bytes() == VIDEO
    assert (aside / "job.json").read_bytes() == b"\0\0\0"
    assert "inbox" in (aside / "reason.txt").read_text()


def test_rule_13_links_and_unknown_files_in_processing_are_left_alone(
    spool: Spool, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (spool.processing / "link").symlink_to(outside)
    (spool.processing / "note").touch()
    (spool.processing / "20260101-000000-abc").mkdir()
    assert spool.recover() == []
    assert sorted(path.name for path in spool.processing.iterdir()) == ["link", "note"]


def test_undecodable_and_longest_names_come_back_to_the_byte(
    spool: Spool, drop: Drop, first_pair: First
) -> None:
    raw = b"caf\xe9" + b"x" * (255 - 8) + b".wav"
    drop(spool, os.fsdecode(raw), os.fsdecode(raw[:-4] + b".mp4"))
    job = spool.claim(first_pair(spool))
    job.name.encode()
    folder = spool.fail(job, "No reason.")
    names = {os.fsencode(path.name) for path in folder.iterdir()}
    assert {raw, raw[:-4] + b".mp4"} < names
    spool.retry(folder.name)
    assert {os.fsencode(path.name) for path in spool.inbox.iterdir()} == {
        raw,
        raw[:-4] + b".mp4",
    }


def test_the_longest_names_come_back_beside_others(
    spool: Spool, drop: Drop, first_pair: First
) -> None:
    stem = "é" * 125
    drop(spool, f"{stem}.wav", f"{stem}.mp4")
    folder = spool.fail(spool.claim(first_pair(spool)), "No reason.")
    (spool.inbox / f"{stem}.wav").touch()
    returned = spool.retry(folder.name)
    assert returned.endswith("é")
    assert (spool.inbox / f"{returned}.wav").read_bytes() == AUDIO
    assert (spool.inbox / f"{returned}.mp4").read_bytes() == VIDEO


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("torn", [False, True])
def test_rule_12_a_claim_killed_at_any_step_loses_nothing(
    tmp_path: Path,
    drop: Drop,
    first_pair: First,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
    torn: bool,
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        drop(spool)
        try:
            Spool(spool.root, files=killing_disk(step, torn)).claim(first_pair(spool))
        except killed:
            _assert_whole(spool, spool.recover())
        else:
            break
    assert step > 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
def test_halves_of_two_people_are_no_job_after_a_kill_at_any_step(
    tmp_path: Path,
    drop: Drop,
    tree: Tree,
    killing_disk: Callable[[int], FileOperations],
    killed: type[BaseException],
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        drop(spool)
        halves = Pair("talk", spool.inbox / "talk.wav", spool.inbox / "talk.mp4", None)
        for half, owner in ((halves.audio, 70_002), (halves.video, 70_003)):
            os.chown(half, owner, -1)
        before = tree(spool)
        try:
            Spool(spool.root, files=killing_disk(step)).claim(halves)
        except killed:
            assert (step, spool.recover()) == (step, [])
            assert tree(spool) == before
        except ClaimFailed:
            break
    assert step > 4


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
def test_rule_15_a_claim_on_a_failing_disk_loses_nothing(
    tmp_path: Path,
    drop: Drop,
    first_pair: First,
    faulty_disk: Callable[[int, int], FileOperations],
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        drop(spool)
        try:
            Spool(spool.root, files=faulty_disk(step, errno.ENOSPC)).claim(first_pair(spool))
        except SpoolUnavailable:
            _assert_whole(spool, spool.recover())
        else:
            break
    assert step > 4


def _assert_whole(spool: Spool, jobs: list[Job]) -> None:
    inbox = {path.name: path.read_bytes() for path in spool.inbox.iterdir()}
    if jobs:
        (job,) = jobs
        assert (job.audio.read_bytes(), job.video.read_bytes()) == (AUDIO, VIDEO)
        assert inbox == {}
    else:
        assert inbox == {"talk.wav": AUDIO, "talk.mp4": VIDEO}
        assert list(spool.processing.iterdir()) == []
    assert list(spool.failed.iterdir()) == []
