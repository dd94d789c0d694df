"""A sidecar's way through the spool: with its pair, or not at all."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.errors import ClaimFailed
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.spool import Spool

Drop = Callable[..., None]
Publish = Callable[[Spool, Job], None]
Tree = Callable[[Spool], dict[str, bytes | None]]


def found(spool: Spool) -> Pair:
    snapshot = scan(spool.inbox)
    return pair_files(snapshot.entries, snapshot.sidecars).pairs[0]


def claimed(spool: Spool, drop: Drop, text: str) -> Job:
    drop(spool)
    (spool.inbox / "Talk.toml").write_text(text)
    return spool.claim(found(spool))


def test_its_options_are_the_jobs(spool: Spool, drop: Drop) -> None:
    job = claimed(spool, drop, "crf = 30\npriority = 2\n")
    assert job.journal.options == JobOptions(crf=30, priority=2)
    assert job.journal.refusal == ""
    assert not list(spool.inbox.iterdir())
    assert spool.recover() == [job]


def test_a_wrong_one_is_a_refusal_with_file_and_line(spool: Spool, drop: Drop) -> None:
    job = claimed(spool, drop, "crf = 30\nfcae = 2\n")
    assert job.journal.refusal == 'Talk.toml, line 2: unknown key "fcae"; did you mean "face"?'
    assert "priority" in job.journal.remedy
    assert spool.recover() == [job]


def test_it_goes_to_done_with_the_other_inputs(spool: Spool, drop: Drop, publish: Publish) -> None:
    publish(spool, spool.begin_attempt(claimed(spool, drop, "crf = 30")))
    assert sorted(path.name for path in (spool.done / "talk").iterdir()) == [
        "Talk.toml", "job.json", "talk.mp4", "talk.wav",
    ]  # fmt: skip
    spool.remove("talk")
    assert not list(spool.done.iterdir())


def test_it_goes_to_failed_and_comes_back_with_a_retry(spool: Spool, drop: Drop) -> None:
    folder = spool.fail(claimed(spool, drop, "x = 1"), "No.")
    assert "Options:    Talk.toml" in (folder / "reason.txt").read_text()
    (folder / "Talk.toml").write_text("crf = 31")
    spool.retry("talk")
    assert sorted(path.name for path in spool.inbox.iterdir()) == [
        "Talk.toml", "talk.mp4", "talk.wav",
    ]  # fmt: skip
    job = spool.claim(found(spool))
    assert (job.journal.refusal, job.journal.options.crf) == ("", 31)


def test_all_three_are_claimed_or_none(spool: Spool, drop: Drop, tree: Tree) -> None:
    drop(spool)
    (spool.inbox / "talk.toml").write_text("crf = 1")
    pair = found(spool)
    (spool.inbox / "talk.toml").unlink()
    before = tree(spool)
    with pytest.raises(ClaimFailed):
        spool.claim(pair)
    assert tree(spool) == before


def test_names_that_are_taken_give_way_together(spool: Spool, drop: Drop) -> None:
    job = claimed(spool, drop, "crf = 1")
    job.video.unlink()
    (spool.inbox / "TALK.toml").write_text("crf = 2")
    assert spool.recover() == []
    names = sorted(path.name for path in spool.inbox.iterdir())
    assert names == ["TALK.toml", "talk (2).toml", "talk (2).wav"]


@pytest.mark.usefixtures("no_sync")
def test_a_claim_killed_at_any_step_loses_nothing(
    tmp_path: Path,
    drop: Drop,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        drop(spool)
        (spool.inbox / "talk.toml").write_text("crf = 30")
        try:
            Spool(spool.root, files=killing_disk(step, False)).claim(found(spool))
        except killed:
            pass
        else:
            break
        jobs = spool.recover() or [spool.claim(found(spool))]
        assert [job.journal.options.crf for job in jobs] == [30]
        assert not list(spool.inbox.iterdir())
