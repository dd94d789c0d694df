"""The spool: folders, lock, attempts, retry and removal."""

import itertools
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput, SpoolBusy, SpoolUnavailable
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

AUDIO, VIDEO = b"sound of the job", b"pictures of the job"
Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]
Tree = Callable[[Spool], dict[str, bytes | None]]


def test_a_spool_is_made_where_it_is_missing_and_kept_where_it_is(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new" / "spool")
    assert not spool.is_mounted()
    spool.prepare()
    assert {path.name for path in spool.root.iterdir()} == {
        "inbox", "processing", "outbox", "done", "failed", "logs", ".state", ".cache",
    }  # fmt: skip
    identity = spool.sentinel.read_text()
    spool.prepare()
    assert spool.is_mounted()
    assert spool.sentinel.read_text() == identity


def test_rule_16_a_folder_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "spool"
    root.mkdir()
    (root / "outbox").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolUnavailable, match="outbox"):
        Spool(root).prepare()


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inbox").touch()
    with pytest.raises(SpoolUnavailable, match="inbox"):
        Spool(tmp_path).prepare()


def test_a_second_owner_is_refused_with_the_name_of_the_first(spool: Spool) -> None:
    assert spool.lock_holder() is None
    with spool.lock():
        assert f"process {os.getpid()}" in (spool.lock_holder() or "")
        with pytest.raises(SpoolBusy, match=f"process {os.getpid()}"), Spool(spool.root).lock():
            pytest.fail("two owners")
    assert spool.lock_holder() is None
    with spool.lock():
        pass


def test_the_lock_of_a_killed_process_is_free(spool: Spool) -> None:
    script = (
        "import os, sys; from pathlib import Path; from heygem_daemon.spool.spool import Spool\n"
        "with Spool(Path(sys.argv[1])).lock(): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, spool.root], check=False).returncode == 9
    with spool.lock():
        pass


def test_errors_inside_the_lock_pass_untouched(spool: Spool) -> None:
    with pytest.raises(PermissionError), spool.lock():
        raise PermissionError(13, "the caller's own")


def test_the_spool_imports_no_heavy_libraries() -> None:
    script = (
        "import sys, pkgutil, importlib, heygem_daemon.spool as package\n"
        "for module in pkgutil.iter_modules(package.__path__, 'heygem_daemon.spool.'):\n"
        "    importlib.import_module(module.name)\n"
        "sys.exit(' '.join({'torch', 'av', 'numpy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_rule_14_attempts_are_counted_before_they_start(spool: Spool, take: Take) -> None:
    job = take(spool)
    for attempts in (1, 2):
        (job,) = Spool(spool.root).recover()
        assert job.journal.attempts == attempts
        job = spool.begin_attempt(job)


def test_rule_15_an_environment_fault_costs_no_attempt(spool: Spool, take: Take) -> None:
    job = spool.defer(take(spool), "The disk is full.")
    assert (job.journal.attempts, job.journal.deferrals) == (0, 1)
    assert job.journal.troubles[-1].text == "The disk is full."
    assert spool.recover() == [job]


def test_an_error_counts_as_an_attempt_and_is_recorded(spool: Spool, take: Take) -> None:
    job = take(spool)
    for number in range(30):
        job = spool.record_error(job, f"error {number}")
    assert job.journal.attempts == 1
    assert len(job.journal.troubles) == 20
    assert job.journal.troubles[-1].text == "error 29"


def test_retry_puts_the_inputs_back_as_they_were(spool: Spool, take: Take, tree: Tree) -> None:
    spool.fail(take(spool, "Talk.WAV", "talk.mp4"), "No face.")
    assert spool.retry("Talk") == "Talk"
    assert tree(spool) == {"inbox/Talk.WAV": AUDIO, "inbox/talk.mp4": VIDEO}


def test_retry_overwrites_nothing(spool: Spool, take: Take, tree: Tree) -> None:
    spool.fail(take(spool), "No face.")
    (spool.inbox / "talk.mp4").write_bytes(b"another")
    assert spool.retry("talk") == "talk (2)"
    assert tree(spool) == {
        "inbox/talk.mp4": b"another",
        "inbox/talk (2).wav": AUDIO,
        "inbox/talk (2).mp4": VIDEO,
    }


def test_retry_keeps_what_a_user_put_beside_the_inputs(
    spool: Spool, take: Take, tree: Tree
) -> None:
    folder = spool.fail(take(spool), "No face.")
    (folder / "notes.txt").write_bytes(b"call the presenter")
    spool.retry("talk")
    assert b"call the presenter" in tree(spool).values()
    assert (spool.inbox / "talk.wav").read_bytes() == AUDIO


@pytest.mark.parametrize("name", ["nothing", "..", ".", "", "../failed/talk", "/etc", "a\0b"])
def test_names_that_are_no_jobs_are_refused(spool: Spool, take: Take, name: str) -> None:
    spool.fail(take(spool), "No face.")
    with pytest.raises(BadInput):
        spool.retry(name)
    with pytest.raises(BadInput):
        spool.ended.remove(name)


def test_retry_without_inputs_is_refused_and_keeps_the_reason(spool: Spool, take: Take) -> None:
    folder = spool.fail(take(spool), "No face.")
    (folder / "talk.wav").unlink()
    (folder / "talk.mp4").unlink()
    with pytest.raises(BadInput):
        spool.retry("talk")
    assert (folder / "reason.txt").is_file()


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
def test_a_retry_killed_at_any_step_loses_nothing(
    tmp_path: Path,
    take: Take,
    tree: Tree,
    killing_disk: Callable[[int], FileOperations],
    killed: type[BaseException],
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        spool.fail(take(spool), "No face.")
        try:
            Spool(spool.root, files=killing_disk(step)).retry("talk")
        except killed:
            assert spool.recover() == []
            if spool.latest_failed():
                spool.retry("talk")
        else:
            break
        assert tree(spool) == {"inbox/talk.wav": AUDIO, "inbox/talk.mp4": VIDEO}
    assert step > 4


def test_remove_deletes_one_job_with_its_results_and_inputs(
    spool: Spool, take: Take, publish: Publish, tree: Tree
) -> None:
    publish(spool, take(spool))
    before = tree(spool)
    publish(spool, take(spool))
    spool.fail(take(spool), "Another of the same name.")
    gone = spool.ended.remove("talk (2)").gone
    assert spool.outbox / "talk (2).mp4" in gone
    assert spool.done / "talk (2)" in gone
    left = tree(spool)
    assert {path: left[path] for path in left if not path.startswith("failed")} == before
    spool.ended.remove("talk")  # what ended last of that name
    assert tree(spool) == before
    spool.ended.remove("talk")
    assert tree(spool) == {}


def test_remove_leaves_files_of_users(
    spool: Spool, take: Take, publish: Publish, tree: Tree, tmp_path: Path
) -> None:
    publish(spool, take(spool))
    precious = tmp_path / "precious.json"
    precious.write_bytes(b"outside")
    (spool.outbox / "talk.mp4").write_bytes(b"a user's own cut of it")
    (spool.outbox / "talk.json").unlink()
    (spool.outbox / "talk.json").symlink_to(precious)
    (spool.done / "talk" / "notes.txt").write_bytes(b"notes")
    spool.ended.remove("talk")
    assert precious.read_bytes() == b"outside"
    found = tree(spool)
    assert found["outbox/talk.mp4"] == b"a user's own cut of it"
    assert found["done/talk/notes.txt"] == b"notes"
    assert "outbox/talk.png" not in found
    assert "done/talk/talk.wav" not in found


def test_a_job_folder_that_is_a_link_is_not_removed(spool: Spool, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (spool.done / "talk").symlink_to(outside)
    with pytest.raises(BadInput):
        spool.ended.remove("talk")
    assert outside.is_dir()


def test_results_and_failures_come_latest_first(
    tmp_path: Path, take: Take, publish: Publish
) -> None:
    now = itertools.count(1000)
    spool = Spool(tmp_path, clock=lambda: float(next(now)))
    spool.prepare()
    for name in ("a", "b", "c"):
        publish(spool, take(spool, f"{name}.wav", f"{name}.mp4"))
        spool.fail(take(spool, f"{name}.wav", f"{name}.mp4"), "No.")
    (spool.done / "a stranger's").mkdir()
    assert [journal.name for journal in spool.latest_published(limit=2)] == ["c", "b"]
    assert [journal.name for journal in spool.latest_failed()] == ["c", "b", "a"]


def test_a_spool_that_is_gone_is_an_environment_fault(
    spool: Spool, take: Take, publish: Publish
) -> None:
    job = take(spool)
    spool.root.rename(spool.root.with_name("unmounted"))
    assert not spool.is_mounted()
    for call in (
        lambda: spool.begin_attempt(job),
        lambda: spool.fail(job, "No."),
        lambda: spool.publish(job, job.workspace / "result.mp4", {}),
        spool.recover,
        spool.latest_published,
    ):
        with pytest.raises(SpoolUnavailable):
            call()


def test_only_its_owner_may_rename_a_file_in_the_inbox(tmp_path: Path) -> None:
    """The users' folders are for all who the umask allows, the logs for the daemon alone."""
    before = os.umask(0o002)
    try:
        spool = Spool(tmp_path / "spool")
        spool.prepare()
    finally:
        os.umask(before)
    modes = {each.name: each.stat().st_mode & (0o777 | stat.S_ISVTX) for each in spool.folders}
    assert (modes["inbox"], modes["logs"]) == (0o1775, 0o755)
    assert modes["outbox"] == modes["done"] == modes["failed"] == 0o775
    assert modes["processing"] == modes[".state"] == modes[".cache"] == 0o700
