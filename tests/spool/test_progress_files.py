"""``<name>.rendering.txt``: it goes in every case, and never touches a user's file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.spool import Spool
from tests.spool.conftest import KillingDisk, Publish, Take

NOTE = "talk.rendering.txt"


def text_of(spool: Spool, name: str = NOTE) -> str:
    return (spool.outbox / name).read_text()


def test_the_text_follows_the_job_and_goes(spool: Spool, take: Take, publish: Publish) -> None:
    job = take(spool)
    for text in ("one", "a longer text", "two", "三"):
        spool.progress.show(job, text)
        assert text_of(spool) == text
        assert names_in(spool.outbox) == [NOTE]
    spool.progress.clear(job.id)
    publish(spool, job)
    assert sorted(names_in(spool.outbox)) == ["talk.json", "talk.mp4", "talk.png"]
    assert names_in(spool.state / "progress") == []


def test_a_users_file_of_that_name_stays(spool: Spool, take: Take) -> None:
    (spool.outbox / NOTE).write_text("mine")
    job = take(spool)
    spool.progress.show(job, "one")
    assert text_of(spool, "talk (2).rendering.txt") == "one"
    for number in (2, 3):
        (spool.outbox / f"voice ({number}).rendering.txt").write_text("mine")
    (spool.outbox / "voice.rendering.txt").write_text("mine")
    other = take(spool, "voice.wav", "voice.mp4")
    spool.progress.show(other, "one")
    spool.progress.show(other, "two")
    for each in (job, other):
        spool.progress.clear(each.id)
    assert {text_of(spool, name) for name in names_in(spool.outbox)} == {"mine"}
    assert len(names_in(spool.outbox)) == 4


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_file_that_took_its_place_stays(
    spool: Spool, take: Take, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(spool.files, "exchange", lambda _one, _other: False)
    job = take(spool)
    spool.progress.show(job, "one")
    spool.progress.show(job, "two")
    assert text_of(spool) == "two"
    (spool.outbox / "other").write_text("mine")
    (spool.outbox / "other").rename(spool.outbox / NOTE)
    for text in ("three", "four"):
        spool.progress.show(job, text)
        assert text_of(spool) == "mine"
    spool.progress.clear(job.id)
    assert text_of(spool) == "mine"
    assert names_in(spool.state / "progress") == []


def test_a_file_that_somebody_removed_does_not_come_back(spool: Spool, take: Take) -> None:
    job = take(spool)
    spool.progress.show(job, "one")
    (spool.outbox / NOTE).unlink()
    spool.progress.show(job, "two")
    spool.progress.show(job, "three")
    assert names_in(spool.outbox) == []


def test_a_link_in_its_place_is_not_followed(spool: Spool, take: Take, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (spool.outbox / NOTE).symlink_to(secret)
    job = take(spool)
    spool.progress.show(job, "one")
    (spool.outbox / "talk (2).rendering.txt").unlink()
    (spool.outbox / "talk (2).rendering.txt").symlink_to(secret)
    spool.progress.show(job, "two")
    spool.progress.clear(job.id)
    assert secret.read_text() == "secret"
    assert all((spool.outbox / name).is_symlink() for name in names_in(spool.outbox))


THINGS: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "pipe": os.mkfifo,
}


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("can_exchange", [True, False])
def test_what_is_no_file_in_its_place_gives_it_another_name(
    spool: Spool, take: Take, monkeypatch: pytest.MonkeyPatch, thing: str, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(spool.files, "exchange", lambda _one, _other: False)
    job = take(spool)
    names = [NOTE, "talk (2).rendering.txt", "talk (3).rendering.txt"]
    for number, name in enumerate(names):
        spool.progress.show(job, f"text {number}")
        assert text_of(spool, name) == f"text {number}"
        (spool.outbox / name).unlink()
        THINGS[thing](spool.outbox / name)
    for text in ("four", "five"):
        spool.progress.show(job, text)
        assert [*spool.progress.faults] == [f"outbox/{NOTE}"]
    inodes = {(spool.outbox / name).lstat().st_ino for name in names}
    place = spool.outbox / names[1]
    place.rmdir() if thing == "folder" else place.unlink()
    spool.progress.show(job, "six")
    assert (text_of(spool, names[1]), spool.progress.faults) == ("six", {})
    spool.progress.clear(job.id)
    assert sorted(names_in(spool.outbox)) == sorted([names[0], names[2]])
    assert {(spool.outbox / name).lstat().st_ino for name in names_in(spool.outbox)} < inodes
    assert names_in(spool.state / "progress") == []


def test_a_job_whose_names_were_all_taken_until_its_end_leaves_nothing(
    spool: Spool, take: Take
) -> None:
    for name in (NOTE, "talk (2).rendering.txt", "talk (3).rendering.txt"):
        (spool.outbox / name).mkdir()
    job = take(spool)
    spool.progress.show(job, "one")
    assert spool.progress.ids == {job.id}
    spool.progress.clear(job.id)
    assert (spool.progress.ids, spool.progress.faults) == (frozenset(), {})


def test_it_is_in_the_outbox_of_the_jobs_folder(spool: Spool) -> None:
    inbox = spool.open_folder("anna").inbox
    for name in ("talk.wav", "talk.mp4"):
        (inbox / name).write_bytes(b"content")
    job = spool.claim(pair_files(scan(inbox).entries).pairs[0], hot_folder=HotFolder("anna"))
    spool.progress.show(job, "one")
    assert names_in(spool.outbox / "anna") == [NOTE]
    spool.progress.clear(job.id)
    assert names_in(spool.outbox / "anna") == []


class Interfering(KillingDisk):
    """Puts a user's file in the place of the daemon's right before the two are exchanged."""

    def exchange(self, source: Path, target: Path) -> bool:
        self._step("exchange", source)
        if target.read_text() == "one":
            (target.parent / "own").write_text("mine")
            (target.parent / "own").replace(target)
        return FileOperations.exchange(self, source, target)


@pytest.mark.parametrize("disk", [KillingDisk, Interfering])
def test_after_a_crash_at_any_step_it_is_cleared_away(
    tmp_path: Path,
    take: Take,
    disk: Callable[..., FileOperations],
    killed: type[BaseException],
    no_sync: None,
) -> None:
    def run(spool: Spool, job: Job) -> None:
        for text in ("one", "two", "three"):
            spool.progress.show(job, text)
        spool.progress.clear(job.id)

    ended, steps = False, 0
    while not ended:
        spool = Spool(tmp_path / str(steps))
        spool.prepare()
        job = take(spool)
        (spool.outbox / "users.rendering.txt").write_text("mine")
        dying = Spool(spool.root, files=disk(steps, torn=True))
        try:
            run(dying, job)
            ended = True
        except killed:
            steps += 1
        again = Spool(spool.root)
        again.prepare()
        assert [each.id for each in again.recover()] == [job.id]
        left = names_in(again.outbox)
        assert {text_of(again, name) for name in left} == {"mine"}, steps
        records = again.state / "progress"
        assert not records.exists() or names_in(records) == []
    assert steps >= 8
