"""What a user of the share drops beside another user's files decides nothing about them."""

import os
from pathlib import Path

import pytest

from heygem_daemon.errors import ClaimFailed
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.job import Pair
from tests.fakes.executor import Answer, keep_running, refuse, rendered
from tests.fakes.service import ServiceHarness

ANNA, MALLORY = 70_002, 70_003

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


def give(owner: int, *paths: Path) -> None:
    for path in paths:
        os.chown(path, owner, -1)


def drop(harness: ServiceHarness, owner: int, *names: str, text: str | None = None) -> None:
    harness.drop(*names)
    for name in names:
        path = harness.spool.inbox / name
        if text is not None:
            path.write_text(text)
        give(owner, path)


def reasons(harness: ServiceHarness) -> dict[str, str]:
    return {each.name: each.reason for each in harness.status().inbox}


def run(harness: ServiceHarness, seconds: float) -> Service:
    service = harness.service()
    harness.run_rounds(service, seconds)
    return service


def test_a_strangers_markers_do_not_take_an_unfinished_upload(harness: ServiceHarness) -> None:
    drop(harness, ANNA, "slow.wav", "slow.mp4")
    drop(harness, MALLORY, "slow.ready", "slow.mp4.ready", "slow.wav.ready")
    service = harness.service()
    for length in range(12):
        (harness.spool.inbox / "slow.mp4").write_bytes(b"x" * length)
        harness.run_rounds(service, 1.0)
    assert (harness.outbox(), harness.failed(), harness.processing()) == ([], [], 0)
    assert harness.logged(f"is ignored: it was dropped by user {MALLORY}") == 3
    harness.run_rounds(service, 60.0)
    assert "slow.mp4" in harness.outbox()


def test_the_owners_marker_still_settles_at_once(harness: ServiceHarness) -> None:
    drop(harness, ANNA, "fast.wav", "fast.mp4", "fast.ready")
    run(harness, 2.0)
    assert "fast.mp4" in harness.outbox()


def test_a_strangers_sidecar_fails_nobodys_job(harness: ServiceHarness) -> None:
    drop(harness, ANNA, "inj.wav", "inj.mp4")
    drop(harness, MALLORY, "inj.toml", text='face = "middle"')
    run(harness, 60.0)
    assert (harness.failed(), "inj.mp4" in harness.outbox()) == ([], True)
    assert (harness.spool.inbox / "inj.toml").exists()
    assert harness.logged(f"is ignored: it was dropped by user {MALLORY}") == 1


def test_an_operators_sidecar_counts(harness: ServiceHarness) -> None:
    drop(harness, ANNA, "op.wav", "op.mp4")
    drop(harness, 0, "op.toml", text='face = "middle"')
    (harness.spool.inbox / "op.toml").chmod(0o600)
    run(harness, 60.0)
    assert harness.failed() == ["op"]


@pytest.mark.parametrize("mode", [0o664, 0o640, 0o604])
def test_a_file_that_the_daemon_wrote_for_people_decides_nothing(
    harness: ServiceHarness, mode: int
) -> None:
    """Whoever may write to failed/ can move its job.toml and reason.txt into the inbox."""
    drop(harness, ANNA, "talk.wav", "talk.mp4", "slow.wav", "slow.mp4")
    drop(harness, 0, "talk.toml", text='face = "middle"')
    drop(harness, 0, "talk.cancel", "slow.ready", "slow.hurry", text="Reason: it is bad.")
    for name in ("talk.toml", "talk.cancel", "slow.ready", "slow.hurry"):
        (harness.spool.inbox / name).chmod(mode)
    service = run(harness, 2.0)
    assert harness.processing() == 0, "the marker counts for nothing"
    harness.run_rounds(service, 60.0)
    assert harness.failed() == []
    assert {"talk.mp4", "slow.mp4"} <= set(harness.outbox())


@pytest.mark.parametrize(("answer", "folder"), [(rendered, "done"), (refuse, "failed")])
def test_people_read_the_sidecar_that_the_daemon_wrote_and_it_counts_again(
    harness: ServiceHarness, answer: Answer, folder: str
) -> None:
    """The daemon writes one where a video speaks with its own sound. In done/ and failed/ people
    could move it: there it counts as nothing that the operator alone could have put there."""
    drop(harness, ANNA, "talk.mp4")
    drop(harness, ANNA, "talk.toml", text='audio = "own"')
    service = run(harness, 30.0)
    harness.executor.answer = answer
    for options in ("crf = 20", ""):
        drop(harness, ANNA, "talk.retry", text=options)
        harness.run_rounds(service, 60.0)
        found = (harness.spool.root / folder).glob("talk*/talk.toml")
        sidecar = max(found, key=lambda path: path.stat().st_ctime_ns)
        assert sidecar.read_text() == 'audio = "own"\ncrf = 20\n'
        status = sidecar.stat()
        assert (status.st_uid, status.st_mode & 0o777) == (0, 0o644)
        assert (sidecar.parent / "job.json").stat().st_mode & 0o777 == 0o644
    assert len(harness.executor.submitted) == 3


def test_a_lone_sound_is_not_rendered_with_a_strangers_video(harness: ServiceHarness) -> None:
    drop(harness, ANNA, "secret.wav")
    drop(harness, MALLORY, "secret.mp4")
    service = run(harness, 60.0)
    assert (harness.outbox(), harness.failed(), harness.processing()) == ([], [], 0)
    why = f"were dropped by user {ANNA} and user {MALLORY}: one person must drop all of them"
    assert reasons(harness)["secret.wav"] == f"waits: the files of this name {why}"
    assert harness.logged(why) == 2
    drop(harness, ANNA, "secret.m4v")
    harness.run_rounds(service, 60.0)
    assert "secret.mp4" in harness.outbox()


def test_a_pair_that_changed_hands_before_its_claim_is_not_taken(harness: ServiceHarness) -> None:
    harness.spool.prepare()
    drop(harness, ANNA, "a.wav", "a.mp4")
    sidecar = harness.spool.inbox / "a.toml"
    inbox = harness.spool.inbox
    give(MALLORY, inbox / "a.mp4")
    with pytest.raises(ClaimFailed, match="one person must drop all of them"):
        harness.spool.claim(Pair("a", inbox / "a.wav", inbox / "a.mp4", None))
    give(ANNA, inbox / "a.mp4")
    drop(harness, MALLORY, "a.toml", text="crf = 30\n")
    with pytest.raises(ClaimFailed, match="one person must drop all of them"):
        harness.spool.claim(Pair("a", inbox / "a.wav", inbox / "a.mp4", sidecar))
    assert sorted(each.name for each in inbox.iterdir()) == ["a.mp4", "a.toml", "a.wav"]
    give(0, sidecar)
    sidecar.chmod(0o600)
    assert harness.spool.claim(Pair("a", inbox / "a.wav", inbox / "a.mp4", sidecar))


def drop_batch(harness: ServiceHarness, owner: int) -> Path:
    folder = harness.drop_batch("show", "a.wav", "a.mp4", "b.wav", "b.mp4")
    give(owner, folder, *folder.iterdir())
    return folder


def test_a_strangers_file_in_a_batch_keeps_it_waiting(harness: ServiceHarness) -> None:
    give(MALLORY, drop_batch(harness, ANNA) / "b.mp4")
    run(harness, 60.0)
    assert (harness.outbox(), harness.processing()) == ([], 0)
    assert f"were dropped by user {ANNA} and user {MALLORY}" in reasons(harness)["show"]
    with pytest.raises(ClaimFailed, match="one person must drop all of them"):
        harness.spool.batches.claim(harness.spool.inbox / "show")


def test_a_strangers_sidecar_in_a_batch_is_ignored(harness: ServiceHarness) -> None:
    sidecar = drop_batch(harness, ANNA) / "job.toml"
    sidecar.write_text('face = "middle"')
    give(MALLORY, sidecar)
    run(harness, 60.0)
    assert harness.failed() == []
    assert harness.outbox() == ["show"]
    assert harness.logged(f"is ignored: it was dropped by user {MALLORY}") == 1
    assert harness.logged("a link, a pipe or a device") == 0, "it is told once"


@pytest.mark.parametrize("marker", ["show.ready", "show/.ready"])
def test_a_strangers_marker_does_not_take_a_batch(harness: ServiceHarness, marker: str) -> None:
    folder = drop_batch(harness, ANNA)
    (harness.spool.inbox / marker).touch()
    give(MALLORY, harness.spool.inbox / marker)
    service = harness.service()
    for number in range(12):
        (folder / f"note-{number}.txt").touch()
        harness.run_rounds(service, 1.0)
    assert (harness.outbox(), harness.processing()) == ([], 0)
    assert harness.logged(f"is ignored: it was dropped by user {MALLORY}") == 1
    harness.run_rounds(service, 60.0)
    assert harness.outbox() == ["show"]


@pytest.mark.parametrize("name", ["report.ready", "report.mp4.ready", "show.ready"])
@pytest.mark.parametrize(("owner", "size"), [(ANNA, 1 << 20), (ANNA, 10), (MALLORY, 1 << 20)])
def test_what_is_no_marker_of_the_job_outlives_its_claim(
    harness: ServiceHarness, name: str, owner: int, size: int
) -> None:
    precious = harness.spool.inbox / name
    harness.drop("report.wav", "report.mp4")
    precious.write_bytes(b"a" * size)
    give(owner, precious)
    give(MALLORY, harness.spool.inbox / "report.wav", harness.spool.inbox / "report.mp4")
    drop_batch(harness, MALLORY)
    run(harness, 90.0)
    assert {"report.mp4", "show"} <= set(harness.outbox())
    assert precious.read_bytes() == b"a" * size


@pytest.mark.parametrize("owner", [MALLORY, 0])
def test_markers_that_count_go_with_the_claim(harness: ServiceHarness, owner: int) -> None:
    drop(harness, MALLORY, "report.wav", "report.mp4")
    drop(harness, owner, "report.ready", "report.mp4.ready", "show.ready")
    drop_batch(harness, MALLORY)
    run(harness, 90.0)
    assert {"report.mp4", "show"} <= set(harness.outbox())
    assert list(harness.spool.inbox.iterdir()) == []


def test_the_status_says_who_dropped_a_job_in_each_of_its_states(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    drop(harness, ANNA, "first.wav", "first.mp4")
    service = run(harness, 9.0)
    drop(harness, ANNA, "next.wav", "next.mp4")
    give(ANNA, harness.drop_batch("show", "talk.wav", "1.mp4"))
    give(ANNA, *(harness.spool.inbox / "show").iterdir())
    harness.run_rounds(service, 9.0)
    status = harness.status()
    name = f"user {ANNA}"
    assert {each.dropped_by for each in status.jobs} == {name}
    others = {each.dropped_by for each in status.batches}
    assert others | {each.dropped_by for each in status.inbox} == {name}
    harness.executor.answer = rendered
    for message in rendered(harness.executor.submitted[-1]):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 20.0)
    ended = harness.status()
    assert len(ended.finished) == 3
    assert {each.dropped_by for each in ended.finished} == {name}
    assert {each.dropped_by for each in ended.finished_batches} == {name}
