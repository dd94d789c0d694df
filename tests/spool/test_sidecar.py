"""Sidecars in the spool: they move together with their pair, or not at all."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.errors import ClaimFailed
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.sidecars import ATTEMPTS, read_now
from heygem_daemon.spool.spool import Spool

Drop = Callable[..., None]
Publish = Callable[[Spool, Job], None]
Tree = Callable[[Spool], dict[str, bytes | None]]


def first_pair(spool: Spool) -> Pair:
    snapshot = scan(spool.inbox)
    return pair_files(snapshot.entries, snapshot.sidecars, trusted=deciders()).pairs[0]


def claim_with_sidecar(spool: Spool, drop: Drop, text: str) -> Job:
    drop(spool)
    (spool.inbox / "Talk.toml").write_text(text)
    return spool.claim(first_pair(spool))


def test_the_job_has_the_options_of_its_sidecar(spool: Spool, drop: Drop) -> None:
    job = claim_with_sidecar(spool, drop, "crf = 30\npriority = 2\n")
    assert job.journal.options == JobOptions(crf=30, priority=2)
    assert job.journal.refusal == ""
    assert not list(spool.inbox.iterdir())
    assert spool.recover() == [job]


def test_a_sidecar_that_a_windows_editor_saved_belongs_to_its_pair(
    spool: Spool, drop: Drop, publish: Publish
) -> None:
    drop(spool)
    (spool.inbox / "Talk.toml.txt").write_bytes("crf = ３０".encode("utf-16"))
    job = spool.claim(first_pair(spool))
    assert job.journal.options == JobOptions(crf=30)
    spool.fail(job, "No.")
    spool.retry("talk")
    assert sorted(path.name for path in spool.inbox.iterdir()) == [
        "Talk.toml.txt", "talk.mp4", "talk.wav",
    ]  # fmt: skip
    publish(spool, spool.begin_attempt(spool.claim(first_pair(spool))))
    assert (spool.done / "talk" / "Talk.toml.txt").is_file()


def test_a_wrong_sidecar_is_refused_with_file_and_line(spool: Spool, drop: Drop) -> None:
    job = claim_with_sidecar(spool, drop, "crf = 30\nfcae = 2\n")
    assert job.journal.refusal == 'Talk.toml, line 2: unknown key "fcae"; did you mean "face"?'
    assert "priority" in job.journal.remedy
    assert spool.recover() == [job]


def test_a_sidecar_goes_to_done_with_the_other_inputs(
    spool: Spool, drop: Drop, publish: Publish
) -> None:
    publish(spool, spool.begin_attempt(claim_with_sidecar(spool, drop, "crf = 30")))
    assert sorted(path.name for path in (spool.done / "talk").iterdir()) == [
        "Talk.toml", "job.json", "talk.mp4", "talk.wav",
    ]  # fmt: skip
    spool.ended.remove("talk")
    assert not list(spool.done.iterdir())


def test_a_sidecar_goes_to_failed_and_comes_back_with_a_retry(spool: Spool, drop: Drop) -> None:
    folder = spool.fail(claim_with_sidecar(spool, drop, "x = 1"), "No.")
    assert "Options:    Talk.toml" in (folder / "reason.txt").read_text()
    (folder / "Talk.toml").write_text("crf = 31")
    spool.retry("talk")
    assert sorted(path.name for path in spool.inbox.iterdir()) == [
        "Talk.toml", "talk.mp4", "talk.wav",
    ]  # fmt: skip
    job = spool.claim(first_pair(spool))
    assert (job.journal.refusal, job.journal.options.crf) == ("", 31)


def test_all_three_are_claimed_or_none(spool: Spool, drop: Drop, tree: Tree) -> None:
    drop(spool)
    (spool.inbox / "talk.toml").write_text("crf = 1")
    pair = first_pair(spool)
    (spool.inbox / "talk.toml").unlink()
    before = tree(spool)
    with pytest.raises(ClaimFailed):
        spool.claim(pair)
    assert tree(spool) == before


def test_a_sidecar_that_changed_since_it_was_read_sends_its_pair_back(
    spool: Spool, drop: Drop, tree: Tree
) -> None:
    drop(spool)
    sidecar = spool.inbox / "talk.toml"
    sidecar.write_text("crf = 30")
    answers = read_now([sidecar])
    sidecar.write_text("crf = 311")
    before = tree(spool)
    with pytest.raises(ClaimFailed, match=r"talk\.toml has changed since it was read"):
        spool.claim(first_pair(spool), answers)
    assert tree(spool) == before
    assert spool.recover() == []
    with pytest.raises(ClaimFailed):
        spool.claim(first_pair(spool), {})
    assert spool.claim(first_pair(spool), read_now([sidecar])).journal.refusal.endswith("to 51.")


def test_a_claim_whose_sidecar_was_not_checked_yet_goes_back_after_a_crash(
    spool: Spool, drop: Drop
) -> None:
    job = claim_with_sidecar(spool, drop, "crf = 30")
    shutil.rmtree(job.workspace)
    assert spool.recover() == []
    assert len(list(spool.inbox.iterdir())) == 3


def test_a_sidecar_on_which_the_reader_ends_is_refused_alone(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.toml" for name in "abc"]
    for file in files:
        file.write_text("crf = 30")
    ends_at_b = (
        "import os, sys; from heygem_daemon.config import sidecar as s;"
        "[os._exit(9) if n == 'b.toml' else s.main([p, n])"
        " for p, n in zip(sys.argv[1::2], sys.argv[2::2])]"
    )
    answers = read_now([*files, tmp_path / "gone.toml"], (sys.executable, "-c", ends_at_b))
    assert [answers[name].options.crf for name in ("a.toml", "c.toml")] == [30, 30]
    assert answers["b.toml"].refusal.startswith("b.toml is no sidecar: reading it crashed")
    assert "gone.toml" not in answers


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1, ATTEMPTS])
def test_a_sidecar_whose_reader_had_no_time_is_read_again_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    files = [tmp_path / f"{name}.toml" for name in "abc"]
    for file in files:
        file.write_text("crf = 30")
    run, at_once = subprocess.run, []

    def busy(command: list[str], **options: Any) -> object:
        names = [name for name in command if name.endswith(".toml")][1::2]
        at_once.append(names)
        if names[0] == "a.toml" and len(at_once) <= times:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return run(command, **options)

    monkeypatch.setattr("heygem_daemon.spool.sidecars.subprocess.run", busy)
    answers = read_now(files)
    assert [answers[name].options.crf for name in ("b.toml", "c.toml")] == [30, 30]
    refusal = answers["a.toml"].refusal
    assert refusal.startswith("a.toml is no sidecar") if times == ATTEMPTS else not refusal
    alone = [["a.toml"]] * min(times, ATTEMPTS - 1)
    assert at_once == [["a.toml", "b.toml", "c.toml"], *alone, ["b.toml", "c.toml"]]


def test_a_taken_name_renames_all_files_of_a_pair(spool: Spool, drop: Drop) -> None:
    job = claim_with_sidecar(spool, drop, "crf = 1")
    job.video.unlink()
    (spool.inbox / "TALK.toml").write_text("crf = 2")
    assert spool.recover() == []
    names = sorted(path.name for path in spool.inbox.iterdir())
    assert names == ["TALK.toml", "talk (2).toml", "talk (2).wav"]


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
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
            Spool(spool.root, files=killing_disk(step, False)).claim(first_pair(spool))
        except killed:
            pass
        else:
            break
        jobs = spool.recover() or [spool.claim(first_pair(spool))]
        assert [job.journal.options.crf for job in jobs] == [30]
        assert not list(spool.inbox.iterdir())
