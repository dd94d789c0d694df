"""Claims of batches, and their way to the end, with and without faults."""

import errno
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import ClaimFailed, SpoolUnavailable
from heygem_daemon.spool.batch import claim
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Tree = Callable[[Spool], dict[str, bytes | None]]


def test_one_audio_and_many_videos(spool: Spool, fill: Fill) -> None:
    batch = spool.batches.claim(fill(spool, "show", "talk.wav", "10.mp4", "9.mp4"))
    jobs = spool.batches.pending_jobs(batch)
    assert [job.title for job in jobs] == ["show/9", "show/10"]
    assert jobs[0].audio == jobs[1].audio
    assert [job.video.read_bytes() for job in jobs] == [b"content of 9.mp4", b"content of 10.mp4"]
    member = jobs[1].journal.member
    assert member is not None
    assert (member.number, member.of) == (2, 2)
    assert not list(spool.inbox.iterdir())
    assert all(str(path).isascii() for job in jobs for path in (job.audio, job.video))
    summary = json.loads((spool.outbox / "show" / "batch.json").read_text())
    assert [job["state"] for job in summary["jobs"]] == ["waiting", "waiting"]


def test_each_member_knows_how_long_its_result_will_be(spool: Spool, fill: Fill) -> None:
    lengths = {"a.wav": 2.5, "b.wav": 600.0}

    def find(entry: FileEntry) -> MediaContent:
        is_sound = entry.kind == "audio"
        return MediaContent(is_sound, not is_sound, lengths.get(entry.path.name, 0.0))

    batch = spool.batches.claim(fill(spool, "show", *lengths, "face.mp4"), find_content=find)
    jobs = spool.batches.pending_jobs(batch)
    assert {each.name: each.journal.seconds for each in jobs} == {"a": 2.5, "b": 600.0}
    assert {each.name: each.journal.seconds for each in spool.recover()} == {"a": 2.5, "b": 600.0}


def test_a_restart_queues_the_members_that_have_not_ended(
    spool: Spool, fill: Fill, end: Callable[[Spool, Job], None]
) -> None:
    batch = spool.batches.claim(
        fill(spool, "show", "t.wav", "1.mp4", "2-bad.mp4", "3.mp4", "4.mp4")
    )
    jobs = spool.batches.pending_jobs(batch)
    end(spool, jobs[0])
    end(spool, jobs[1])
    started = spool.begin_attempt(jobs[2])
    assert [job.name for job in spool.recover()] == ["3", "4"]
    assert spool.recover()[0].journal.attempts == 1
    assert [job.id for job in spool.recover(active_ids=[started.id])] == [jobs[3].id]
    assert [each.id for each in spool.batches.unfinished()] == [batch.id]
    assert sorted(spool.batches.final_journals(batch)) == [1, 2]


def test_sidecars_apply_to_all_members_or_to_one(spool: Spool, fill: Fill) -> None:
    folder = fill(
        spool, "show", "t.wav", "1.mp4", "2.mp4", "3.mp4",
        **{"job": "crf = 30\npriority = 4", "2": "crf = 10", "3": "crf = 99"},
    )  # fmt: skip
    batch = spool.batches.claim(folder)
    first, second, third = spool.batches.pending_jobs(batch)
    assert (first.journal.options.crf, first.journal.options.priority) == (30, 4)
    assert (second.journal.options.crf, second.journal.options.priority) == (10, 4)
    assert third.journal.refusal == "3.toml, line 1: crf = 99: must be less than or equal to 51."


def test_results_of_another_batch_or_job_are_never_touched(
    spool: Spool, fill: Fill, work: Work
) -> None:
    (spool.outbox / "Show.mp4").touch()
    (spool.failed / "show (2)").mkdir()
    first = spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4"))
    second = spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4"))
    assert [batch.journal.name for batch in (first, second)] == ["show (3)", "show (4)"]


def test_a_folder_that_changed_after_the_scan_is_returned(
    spool: Spool, fill: Fill, tree: Tree
) -> None:
    folder = fill(spool, "show", "t.wav", "1.mp4")
    (folder / "u.wav").touch()
    (folder / "2.mp4").touch()
    before = tree(spool)
    with pytest.raises(ClaimFailed, match="have no partner of the same name"):
        spool.batches.claim(folder)
    assert tree(spool) == before
    with pytest.raises(ClaimFailed):
        spool.batches.claim(spool.inbox / "gone")
    assert tree(spool) == before


def test_rule_17_any_bytes_in_names_are_kept(
    spool: Spool, fill: Fill, work: Work, tree: Tree
) -> None:
    raw = os.fsdecode(b"caf\xe9\n'x'")
    folder = fill(spool, raw, raw + ".wav", "-f.mp4", "\u4e2d\u6587.mp4", "\U0001f600.mp4")
    batch = spool.batches.claim(folder)
    batch.journal.name.encode()
    closed = work(spool, batch)
    names = {os.fsencode(path.name) for path in closed.inputs.iterdir()}
    assert os.fsencode(raw + ".wav") in names
    assert sorted(path.name for path in (spool.outbox / batch.journal.name).glob("*.mp4")) == [
        "-f.mp4", "\u4e2d\u6587.mp4", "\U0001f600.mp4",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("torn", [False, True])
def test_rule_10_a_batch_killed_at_any_step_is_finished_once(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    tree: Tree,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
    torn: bool,
) -> None:
    expected: dict[str, bytes | None] | None = None
    for step in itertools.count():
        spool = Spool(tmp_path / f"{step}")
        spool.prepare()
        folder = fill(
            spool, "show", "t.wav", "1.mp4", "2-bad.mp4", "3.mp4", "note.txt", job="crf = 20"
        )
        try:
            killed_spool = Spool(spool.root, files=killing_disk(step, torn))
            work(killed_spool, killed_spool.batches.claim(folder))
        except killed:
            finished = False
        else:
            finished = True
        spool.recover()
        for batch in spool.batches.unfinished():
            work(spool, batch)
        if folder.exists():
            work(spool, spool.batches.claim(folder))
        found = {
            name: content
            for name, content in tree(spool).items()
            if not name.endswith((".json", ".zip", "reason.txt"))
        }
        expected = expected or found
        assert found == expected, step
        assert not list(spool.processing.iterdir())
        assert (spool.outbox / "show" / "show.zip").is_file()
        if finished:
            break
    assert step > 40
    assert set(expected or ()) == {
        "outbox/show/1.mp4", "outbox/show/3.mp4",
        "done/show/inputs/t.wav", "done/show/inputs/1.mp4", "done/show/inputs/3.mp4",
        "done/show/inputs/note.txt", "done/show/inputs/job.toml",
        "failed/show/2-bad/t.wav", "failed/show/2-bad/2-bad.mp4", "failed/show/2-bad/job.toml",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("late", [False, True])
def test_rule_15_a_disk_that_fails_at_any_step_only_delays_a_batch(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    tree: Tree,
    faulty_disk: Callable[[int, int, bool], FileOperations],
    late: bool,
) -> None:
    expected: set[str] | None = None
    for step in range(100):
        disk = faulty_disk(step, errno.ENOSPC, late)
        spool = Spool(tmp_path / f"{step}")
        spool.prepare()
        folder = fill(spool, "show", "t.wav", "1.mp4", "2-bad.mp4", "3.mp4", job="crf = 20")
        spool = Spool(spool.root, files=disk)
        faults = 0
        while not (spool.done / "show").exists():
            assert faults < 2
            try:
                spool.recover()
                for batch in spool.batches.unfinished():
                    work(spool, batch)
                if folder.exists():
                    work(spool, spool.batches.claim(folder))
            except SpoolUnavailable:
                faults += 1
        spool.recover()
        found = {name for name in tree(spool) if not name.endswith((".part", "json"))}
        expected = expected or found
        assert found == expected, step
        assert not list(spool.processing.iterdir()), step
    assert not faults  # the last disks do not fail: they have fewer operations


def test_a_journal_names_only_some_of_very_many_other_files(
    spool: Spool, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "MAX_OTHERS_BYTES", 30_000)
    names = [os.fsdecode(b".%03d" % number + b"\xff" * 200) for number in range(100)]
    batch = spool.batches.claim(fill(spool, "show", "a.wav", "a.mp4", *names))
    assert 0 < len(batch.journal.others) < 15
    assert len(list(batch.inputs.iterdir())) == 100
