"""Hot folders: their jobs stay among their own folders, and only the daemon's own are used."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from heygem_daemon.config.folders import FolderProfile, HotFolder
from heygem_daemon.errors import ClaimFailed, SpoolUnavailable
from heygem_daemon.spool.batch.results_zip import write_zip
from heygem_daemon.spool.history import read_history
from heygem_daemon.spool.hot_folders import DRAFT_FOLDER, PARTS, RECORD_FILE
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.layout import load_journal, names_in
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.retention import find_expired, purge
from heygem_daemon.spool.spool import Spool
from tests.spool.conftest import AUDIO, VIDEO, KillingDisk, Publish, Take

ANNA = HotFolder("anna")


def drop_in(spool: Spool, folder: str, *names: str) -> Path:
    inbox = spool.open_folder(folder).inbox
    for name in names or ("talk.wav", "talk.mp4"):
        (inbox / name).write_bytes(AUDIO if name.endswith(".wav") else VIDEO)
    return inbox


def claim_in(spool: Spool, hot_folder: HotFolder = ANNA) -> Job:
    inbox = drop_in(spool, hot_folder.name)
    found = scan(inbox)
    pair = pair_files(found.entries, found.sidecars).pairs[0]
    return spool.begin_attempt(spool.claim(pair, hot_folder=hot_folder))


def files_below(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def test_the_folders_get_the_permissions_of_the_plain_ones(spool: Spool) -> None:
    spool.outbox.chmod(0o2750)
    layout = spool.open_folder("anna")
    for part, folder in zip(
        PARTS, (layout.inbox, layout.outbox, layout.done, layout.failed), strict=True
    ):
        assert folder == spool.root / part / "anna"
        assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode)
    assert not (spool.state / DRAFT_FOLDER).exists()


def test_results_and_inputs_go_to_the_folder_of_the_inbox(spool: Spool, publish: Publish) -> None:
    publish(spool, claim_in(spool))
    assert files_below(spool.outbox) == {f"anna/talk{each}" for each in (".mp4", ".json", ".png")}
    assert files_below(spool.done) >= {"anna/talk/talk.wav", "anna/talk/talk.mp4"}
    journal = spool.latest_published()[0]
    assert (journal.folder, journal.name) == ("anna", "anna/talk")
    assert len(spool.ended.remove("anna/talk").gone) > 0
    assert files_below(spool.outbox) | files_below(spool.done) == set()
    assert names_in(spool.outbox) == ["anna"]


def test_a_failed_job_goes_back_to_its_own_inbox(spool: Spool) -> None:
    spool.fail(claim_in(spool), "It is bad.")
    reason = (spool.failed / "anna" / "talk" / "reason.txt").read_text()
    assert "heygem-daemon retry anna/talk" in reason
    assert spool.retry("anna/talk") == "talk"
    assert files_below(spool.inbox) == {"anna/talk.wav", "anna/talk.mp4"}


def test_the_same_name_in_two_folders_is_two_jobs(
    spool: Spool, publish: Publish, take: Take
) -> None:
    publish(spool, claim_in(spool))
    publish(spool, take(spool))
    assert {"anna/talk.mp4", "talk.mp4"} <= files_below(spool.outbox)
    assert spool.ended.remove("talk").gone
    assert "anna/talk.mp4" in files_below(spool.outbox)


def test_the_profile_counts_where_the_sidecar_says_nothing(spool: Spool) -> None:
    profile = FolderProfile(face="left", codec="hevc", priority=5, max_priority=20)
    inbox = drop_in(spool, "anna")
    (inbox / "talk.toml").write_text('face = "right"\npriority = 90\n')
    job = claim_in(spool, HotFolder("anna", profile))
    journal = load_journal(job.folder)
    assert journal is not None
    options = journal.options
    assert (options.face, options.codec, options.priority) == ("right", "hevc", 20)


def test_a_batch_stays_in_its_folder(spool: Spool) -> None:
    inbox = spool.open_folder("anna").inbox
    (inbox / "show").mkdir()
    for name in ("1.wav", "1.mp4", "2.wav", "2.mp4"):
        (inbox / "show" / name).write_bytes(name.encode())
    profile = HotFolder("anna", FolderProfile(face="left"))
    batch = spool.batches.claim(inbox / "show", hot_folder=profile)
    first, second = spool.batches.pending_jobs(batch)
    assert first.journal.options.face == "left"
    assert first.title == "anna/show/1"
    first = spool.begin_attempt(first)
    (first.workspace / "result.mp4").write_bytes(b"result")
    spool.publish(first, first.workspace / "result.mp4", {"name": first.name})
    spool.fail(second, "It is bad.")
    ends = spool.batches.final_journals(batch)
    target, files = spool.batches.prepare_zip(batch, ends)
    write_zip(target, files, "show", lambda: False)
    closed = spool.batches.close(batch)
    assert closed.folder == spool.done / "anna" / "show"
    assert files_below(spool.outbox) == {
        f"anna/show/{each}" for each in ("1.mp4", "1.json", "batch.json", "show.zip")
    }
    summary = json.loads((spool.outbox / "anna" / "show" / "batch.json").read_text())
    assert summary["jobs"][1]["folder"] == "failed/anna/show/2"
    assert spool.retry("anna/show/2") == "show"
    assert files_below(spool.inbox) == {"anna/show/2.wav", "anna/show/2.mp4"}
    assert spool.ended.remove("anna/show/1").gone
    assert files_below(spool.outbox) == {"anna/show/batch.json"}
    assert spool.ended.remove("anna/show").gone
    assert files_below(spool.outbox) == set()


def test_a_purge_leaves_the_folders_themselves(spool: Spool, publish: Publish) -> None:
    publish(spool, claim_in(spool))
    later = spool.now() + 8 * 86_400
    list(purge(spool, [each for each in find_expired(spool, later, 7.0) if each]))
    assert files_below(spool.outbox) | files_below(spool.done) == set()
    assert [names_in(spool.root / part) for part in PARTS] == [["anna"]] * 4


def test_a_folder_that_somebody_else_made_is_not_used(spool: Spool) -> None:
    (spool.outbox / "anna").mkdir()
    with pytest.raises(SpoolUnavailable, match="is not the folder that the daemon made"):
        spool.open_folder("anna")
    (spool.outbox / "anna").rmdir()
    assert spool.open_folder("anna").outbox.is_dir()


@pytest.mark.parametrize("replace", ["folder", "link", "file"])
def test_a_folder_that_was_exchanged_takes_no_result(
    spool: Spool, publish: Publish, replace: str, tmp_path: Path
) -> None:
    job, outbox = claim_in(spool), spool.outbox / "anna"
    outbox.rename(tmp_path / "anna")
    if replace == "folder":
        outbox.mkdir()
    elif replace == "link":
        outbox.symlink_to(tmp_path / "anna")
    else:
        outbox.write_bytes(b"")
    with pytest.raises(SpoolUnavailable):
        publish(spool, job)
    assert not any((tmp_path / "anna").iterdir())
    outbox.rmdir() if replace == "folder" else outbox.unlink()
    (tmp_path / "anna").rename(outbox)
    publish(spool, job)
    assert "anna/talk.mp4" in files_below(spool.outbox)


def test_a_folder_that_was_removed_is_made_again(spool: Spool, publish: Publish) -> None:
    job = claim_in(spool)
    shutil.rmtree(spool.outbox / "anna")
    publish(spool, job)
    assert "anna/talk.mp4" in files_below(spool.outbox)


def test_a_restart_knows_the_folders_and_finishes_their_jobs(spool: Spool) -> None:
    claim_in(spool)
    again = Spool(spool.root)
    again.prepare()
    assert again.hot_folders.inboxes() == {"anna"}
    assert [job.title for job in again.recover()] == ["anna/talk"]


def test_a_crash_at_any_step_of_making_them_is_made_good(
    tmp_path: Path, killing_disk: type[KillingDisk], killed: type[BaseException], no_sync: None
) -> None:
    steps = 0
    while True:
        root = tmp_path / str(steps)
        Spool(root).prepare()
        dying = Spool(root, files=killing_disk(steps, torn=True))
        try:
            dying.open_folder("anna")
        except killed:
            steps += 1
        else:
            break
        spool = Spool(root)
        spool.prepare()
        spool.recover()
        assert spool.open_folder("anna").failed.is_dir()
        assert spool.hot_folders.inboxes() == {"anna"}
        assert not (spool.state / DRAFT_FOLDER).exists()
    assert steps >= 12


def test_nobody_can_pass_off_a_folder_by_its_name_alone(spool: Spool) -> None:
    (spool.inbox / "ben").mkdir()
    assert spool.hot_folders.inboxes() == frozenset()
    spool.open_folder("anna")
    record = json.loads((spool.state / RECORD_FILE).read_text())
    assert sorted(record["made"]) == [f"{part}/anna" for part in sorted(PARTS)]


def test_a_job_that_cannot_be_handled_is_set_aside_in_its_own_folder(spool: Spool) -> None:
    job = claim_in(spool)
    spool.set_aside(job.folder, "it is a bug.")
    assert any(each.startswith(f"anna/{job.id}") for each in files_below(spool.failed))


def test_a_claim_that_cannot_be_made_leaves_both_files_in_the_folder(spool: Spool) -> None:
    inbox = drop_in(spool, "anna")
    pair = pair_files(scan(inbox).entries).pairs[0]
    pair.video.unlink()
    pair.video.symlink_to(pair.audio)
    with pytest.raises(ClaimFailed, match="cannot be taken now"):
        spool.claim(pair, hot_folder=ANNA)
    assert sorted(names_in(inbox)) == ["talk.mp4", "talk.wav"]


def test_the_history_knows_the_folder(spool: Spool, publish: Publish) -> None:
    publish(spool, claim_in(spool))
    spool.ended.remove("anna/talk")
    (entry,) = read_history(spool)
    assert (entry.folder, entry.name, entry.batch) == ("anna", "talk", None)
