"""Ended jobs go back to the inbox, with new options if that is wanted, and nothing is lost."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.errors import BadInput
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.record_store import record_names
from heygem_daemon.spool.sidecars import read_now
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.steps import finish

Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]
Tree = Callable[[Spool], dict[str, bytes | None]]

AUDIO, VIDEO = b"sound of the job", b"pictures of the job"
OLD, NEW = b'face = "left"\n', b'face = "right"\n'


def take_with_options(spool: Spool) -> Job:
    for name, data in (("talk.wav", AUDIO), ("talk.mp4", VIDEO), ("talk.toml", OLD)):
        (spool.inbox / name).write_bytes(data)
    found = scan(spool.inbox)
    pair = pair_files(found.entries, found.sidecars).pairs[0]
    return spool.begin_attempt(spool.claim(pair))


def records(spool: Spool) -> list[str]:
    return [*record_names(spool, "failed"), *record_names(spool, "published")]


def retry_records(spool: Spool, names: list[str], options: Path | None) -> object:
    """Retry the job ``talk`` with these records, as the service does."""
    given = NewOptions(options) if options else None
    return finish(spool.ended.beginning_retry(names, "talk", given))


def media(files: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {path: data for path, data in files.items() if data in (AUDIO, VIDEO, OLD, NEW)}


def test_new_options_replace_those_of_the_job(spool: Spool, tree: Tree) -> None:
    spool.fail(take_with_options(spool), "No face.")
    (spool.inbox / "talk.retry").write_bytes(NEW)
    assert retry_records(spool, records(spool), spool.inbox / "talk.retry") == "talk"
    assert tree(spool) == {
        "inbox/talk.wav": AUDIO,
        "inbox/talk.mp4": VIDEO,
        "inbox/talk.toml": NEW,
    }


def test_new_options_go_with_the_files_under_another_name(spool: Spool, tree: Tree) -> None:
    spool.fail(take_with_options(spool), "No face.")
    (spool.inbox / "talk.retry").write_bytes(NEW)
    (spool.inbox / "talk.wav").write_bytes(b"another")
    assert retry_records(spool, records(spool), spool.inbox / "talk.retry") == "talk (2)"
    assert tree(spool) == {
        "inbox/talk.wav": b"another",
        "inbox/talk (2).wav": AUDIO,
        "inbox/talk (2).mp4": VIDEO,
        "inbox/talk (2).toml": NEW,
    }


def test_a_published_job_leaves_its_result_and_its_record(
    spool: Spool, publish: Publish, tree: Tree
) -> None:
    publish(spool, take_with_options(spool))
    assert spool.retry("TALK") == "talk"
    assert media(tree(spool)) == {
        "inbox/talk.wav": AUDIO,
        "inbox/talk.mp4": VIDEO,
        "inbox/talk.toml": OLD,
    }
    assert (spool.outbox / "talk.mp4").exists()
    assert [each.name for each in spool.latest_published()] == ["talk"]


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("outcome", ["failed", "published"])
@pytest.mark.parametrize("options", [False, True])
def test_a_retry_killed_at_any_step_loses_no_file(
    tmp_path: Path,
    take: Take,
    publish: Publish,
    tree: Tree,
    killing_disk: Callable[[int], FileOperations],
    killed: type[BaseException],
    outcome: str,
    options: bool,
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take(spool)
        if outcome == "failed":
            spool.fail(job, "No face.")
        else:
            publish(spool, job)
        asked = spool.inbox / "talk.retry"
        if options:
            asked.write_bytes(NEW)
        names = records(spool)
        try:
            disk = Spool(spool.root, files=killing_disk(step))
            retry_records(disk, names, asked if options else None)
        except killed:
            assert spool.recover() == []
            if not (spool.inbox / "talk.wav").exists():
                retry_records(spool, names, asked if options else None)
        else:
            break
        found = media(tree(spool))
        kept = {found.pop("inbox/talk.retry", None), found.pop("inbox/talk.toml", None)}
        assert found == {"inbox/talk.wav": AUDIO, "inbox/talk.mp4": VIDEO}
        assert kept == ({None, NEW} if options else {None})
    assert step > 4


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("has_one", [False, True])
def test_a_late_sidecar_killed_at_any_step_is_not_lost(
    tmp_path: Path,
    take: Take,
    tree: Tree,
    killing_disk: Callable[[int], FileOperations],
    killed: type[BaseException],
    has_one: bool,
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        job = take_with_options(spool) if has_one else take(spool)
        late = spool.inbox / "talk.toml"
        late.write_bytes(NEW)
        answer = read_now([late])["talk.toml"]
        try:
            Spool(spool.root, files=killing_disk(step)).take_sidecar(job, late, answer)
        except killed:
            found = spool.recover()
        else:
            break
        kept = media(tree(spool))
        assert NEW in kept.values()
        assert sorted(data for data in kept.values() if data in (AUDIO, VIDEO)) == [VIDEO, AUDIO]
        # The job goes on with its files, or all of them are in the inbox together.
        assert found or {"inbox/talk.wav", "inbox/talk.mp4", "inbox/talk.toml"} <= kept.keys()
    assert step >= 2
    job = spool.recover()[0]
    assert (job.journal.options.face, job.sidecar.read_bytes()) == ("right", NEW)


def take_own(spool: Spool) -> Job:
    """Claim a video alone that speaks with its own sound."""
    (spool.inbox / "talk.mp4").write_bytes(VIDEO)
    (spool.inbox / "talk.toml").write_bytes(b'audio = "own"\ncrf = 20\n')
    found = scan(spool.inbox)
    own_sound = frozenset({spool.inbox / "talk.toml"})
    pair = pair_files(found.entries, found.sidecars, own_sound=own_sound).pairs[0]
    return spool.claim(pair, read_now([spool.inbox / "talk.toml"]))


LEFT = JobOptions(face="left")


@pytest.mark.parametrize("outcome", ["failed", "published"])
def test_new_options_leave_a_video_its_own_sound(
    spool: Spool, publish: Publish, tree: Tree, outcome: str
) -> None:
    """Without it the video would wait in the inbox for a sound file."""
    job = spool.begin_attempt(take_own(spool))
    if outcome == "failed":
        spool.fail(job, "No face.")
    else:
        publish(spool, job)
    asked = spool.inbox / "talk.retry"
    asked.write_text('face = "left"\n')
    finish(spool.ended.beginning_retry(records(spool), "talk", NewOptions(asked, LEFT)))
    written = tree(spool)["inbox/talk.toml"]
    assert written == b'face = "left"\naudio = "own"\n'
    assert not asked.exists()
    assert mode_of(spool.inbox / "talk.toml") == 0o600


def test_new_options_with_another_sound_are_refused(spool: Spool, tree: Tree) -> None:
    spool.fail(spool.begin_attempt(take_own(spool)), "No face.")
    asked = spool.inbox / "talk.retry"
    asked.write_text('audio = "copy"\n')
    before = tree(spool)
    with pytest.raises(BadInput, match=r'say audio = "copy", but talk\.mp4 speaks with its own'):
        spool.ended.retry("talk", NewOptions(asked, JobOptions(audio="copy")))
    assert tree(spool) == before


@pytest.mark.parametrize("asked", ["show", "show/talk"])
def test_new_options_leave_the_videos_of_a_batch_their_own_sound(spool: Spool, asked: str) -> None:
    folder = spool.inbox / "show"
    folder.mkdir()
    for name, data in (("talk.mp4", b"1"), ("job.toml", b'audio = "own"\n'), ("b.mp4", b"2")):
        (folder / name).write_bytes(data)
    batch = spool.batches.claim(folder)
    for job in spool.batches.pending_jobs(batch):
        spool.fail(spool.begin_attempt(job), "No face.")
    (batch,) = spool.batches.unfinished()
    spool.batches.close(batch)
    file = spool.inbox / "show.retry"
    file.write_text('face = "left"\n')
    spool.ended.retry(asked, NewOptions(file, LEFT))
    assert (folder / "job.toml").read_text() == 'face = "left"\naudio = "own"\n'
    assert not file.exists()
    assert mode_of(folder / "job.toml") == 0o600
    batch = spool.batches.claim(folder)
    for job in spool.batches.pending_jobs(batch):
        spool.fail(spool.begin_attempt(job), "No face.")
    spool.batches.close(spool.batches.unfinished()[0])
    assert {mode_of(each) for each in spool.root.glob("*/show*/**/job.toml")} == {0o644}


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_late_sidecar_leaves_a_video_its_own_sound(spool: Spool) -> None:
    job, late = take_own(spool), spool.inbox / "talk.toml"
    late.write_bytes(NEW)
    job = spool.take_sidecar(job, late, read_now([late])["talk.toml"])
    assert (job.journal.options.face, job.journal.options.audio) == ("right", "own")
    assert job.sidecar.read_text() == 'face = "right"\naudio = "own"\n'
    late.write_text('audio = "copy"')
    job = spool.take_sidecar(job, late, read_now([late])["talk.toml"])
    assert job.journal.refusal.startswith('The options say audio = "copy", but talk.mp4 speaks')
