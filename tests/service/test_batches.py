"""Folders that are dropped, from the inbox to their ZIP."""

import errno
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.language.translator import translator
from heygem_daemon.protocol import Refused, Render
from heygem_daemon.service import dispatch, zip_writer
from heygem_daemon.service.loop import Service
from heygem_daemon.system import paths
from heygem_daemon.system.disk_space import read_disk_space
from tests.fakes.executor import Messages, keep_running, rendered
from tests.fakes.service import ServiceHarness


def read_summary(harness: ServiceHarness, batch: str = "show") -> dict[str, object]:
    found = json.loads((harness.spool.outbox / batch / "batch.json").read_text())
    assert isinstance(found, dict)
    return found


def refuse_two(harness: ServiceHarness) -> Callable[[Render], Messages]:
    def answer(render: Render) -> Messages:
        if Path(render.video).read_bytes() == b"2.mp4":
            return [Refused(job_id=render.job_id, reason="video 2 shows no face.")]
        return rendered(render)

    return answer


def zip_contents(harness: ServiceHarness, batch: str = "show") -> dict[str, bytes]:
    with zipfile.ZipFile(harness.spool.outbox / batch / f"{batch}.zip") as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def until_closed(harness: ServiceHarness, service: Service) -> None:
    """The ZIP is written in real time, whatever the fake clock says."""
    deadline = time.monotonic() + 60
    while harness.processing():
        assert time.monotonic() < deadline
        harness.run_rounds(service, 1)
        time.sleep(0.005)


def test_a_folder_becomes_results_of_the_same_name_and_a_zip(harness: ServiceHarness) -> None:
    harness.drop_batch("show", "talk.wav", "10.mp4", "9.mp4", "8.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left, summary.hold) == (3, 0, 0, None)
    ids = [render.job_id[-4:] for render in harness.executor.submitted]
    assert ids == ["0001", "0002", "0003"]
    outbox = sorted(path.name for path in (harness.spool.outbox / "show").iterdir())
    assert outbox == sorted(
        [f"{n}.{e}" for n in (8, 9, 10) for e in ("mp4", "json", "png")]
        + ["batch.json", "show.zip"]
    )
    assert set(zip_contents(harness)) == {
        f"show/{n}.{e}" for n in (8, 9, 10) for e in ("mp4", "json", "png")
    }
    assert read_summary(harness)["state"] == "finished"
    assert sorted(path.name for path in (harness.spool.done / "show" / "inputs").iterdir()) == [
        "10.mp4", "8.mp4", "9.mp4", "talk.wav",
    ]  # fmt: skip
    assert harness.processing() == 0
    assert not list(harness.spool.inbox.iterdir())


def test_each_result_is_there_as_soon_as_it_is_done(harness: ServiceHarness) -> None:
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    service = harness.service()
    harness.executor.answer = keep_running
    harness.run_rounds(service, 8)
    for done in (1, 2):
        for message in rendered(harness.executor.submitted[-1]):
            harness.executor.emit(CPU, message)
        harness.run_rounds(service, 2)
        found = sorted(path.name for path in (harness.spool.outbox / "show").glob("*.mp4"))
        assert found == [f"{number}.mp4" for number in range(1, done + 1)]
        (batch,) = harness.status().batches
        assert batch.progress == f"{done} of 3 done; now: {done + 1}"
        assert [(job.name, job.state) for job in harness.status().jobs] == [
            (f"show/{done + 1}", "running")
        ]
        assert read_summary(harness)["published"] == done
    assert not (harness.spool.outbox / "show" / "show.zip").exists()
    assert "show/3" in harness.status().summary()


def test_a_bad_member_fails_alone(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse_two(harness)
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (2, 1, 0)
    folder = harness.spool.failed / "show" / "2"
    assert sorted(path.name for path in folder.iterdir()) == [
        "2.mp4", "job.json", "reason.txt", "talk.wav",
    ]  # fmt: skip
    assert "video 2 shows no face." in (folder / "reason.txt").read_text()
    assert {name for name in zip_contents(harness) if name.endswith("mp4")} == {
        "show/1.mp4",
        "show/3.mp4",
    }
    jobs = read_summary(harness)["jobs"]
    assert isinstance(jobs, list)
    assert [job["state"] for job in jobs] == ["published", "failed", "published"]
    assert jobs[1]["folder"] == "failed/show/2"
    assert (harness.spool.done / "show" / "inputs" / "talk.wav").read_bytes() == b"talk.wav"


def test_the_log_tells_the_batchs_progress(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse_two(harness)
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4", "notes.txt", "old.rm")
    harness.service().run_once()
    for line in (
        "INFO batch claimed: 3 videos speak talk.wav",
        "INFO job started on CPU, attempt 1, 3 of 3",
        "WARNING old.rm is RealMedia, which cannot be used: convert it to mp4",
        "INFO 1 of 3 done {",
        "INFO 2 of 3 done, 1 of them failed",
        "INFO 3 of 3 done, 1 of them failed",
        "INFO packing 2 of its results into show.zip",
        "INFO batch finished: 2 published, 1 failed; all of it in show.zip",
    ):
        assert harness.logged(line) == 1, line
    assert harness.logged("notes.txt") == 0
    assert harness.logged("'job': 'show/3'") >= 3


def test_a_batch_without_a_good_member_has_no_zip(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse_two(harness)
    harness.drop_batch("show", "talk.wav", "2.mp4")
    assert harness.service().run_once().failed == 1
    assert harness.outbox() == [], "there is nothing in it for people to take"
    assert harness.failed() == ["show"]
    assert harness.processing() == 0


def test_a_batch_is_left_alone_until_it_has_settled_as_a_whole(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.drop_batch("show", "talk.wav", "1.mp4")
    harness.run_rounds(service, 4)
    harness.drop_batch("show", "2.mp4")
    harness.run_rounds(service, 4)
    assert harness.executor.submitted == []
    (waiting,) = harness.status().inbox
    assert waiting.name == "show"
    assert waiting.reason.startswith("1 of 3 of its files are not complete yet; 2.mp4: ")
    (harness.spool.inbox / "show" / "3.mp4.part").touch()
    harness.run_rounds(service, 8)
    assert harness.status().inbox[0].reason == "an upload into it is under way: 3.mp4.part"
    (harness.spool.inbox / "show" / "3.mp4.part").unlink()
    harness.run_rounds(service, 3)
    assert len(harness.executor.submitted) == 2


def test_a_name_that_went_away_begins_the_quiet_period_anew(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    harness.run_rounds(service, 4)
    (harness.spool.inbox / "show" / "2.mp4").unlink()
    harness.run_rounds(service, 4)
    assert harness.executor.submitted == []
    assert harness.status().inbox[0].reason == "it has changed lately"
    harness.run_rounds(service, 4)
    assert len(harness.executor.submitted) == 1


@pytest.mark.parametrize("marker", ["show.ready", "show/.ready"])
def test_a_marker_settles_the_folder_at_once(harness: ServiceHarness, marker: str) -> None:
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.drop_batch("show", "talk.wav", "1.mp4")
    (harness.spool.inbox / marker).touch()
    harness.run_rounds(service, 2)
    assert len(harness.executor.submitted) == 1
    assert not list(harness.spool.inbox.iterdir())


@pytest.mark.parametrize("marker", ["show.ready", "show/.ready"])
def test_rule_6_a_marker_older_than_the_last_change_says_nothing(
    harness: ServiceHarness, marker: str
) -> None:
    service = harness.service()
    harness.drop_batch("show", "talk.wav")
    (harness.spool.inbox / marker).touch()
    harness.run_rounds(service, 2)
    harness.drop_batch("show", "1.mp4")
    harness.run_rounds(service, 3)
    assert harness.executor.submitted == []
    harness.run_rounds(service, 6)
    assert len(harness.executor.submitted) == 1


def test_a_folder_that_is_no_batch_waits_visibly(harness: ServiceHarness) -> None:
    folder = harness.drop_batch("show", "a.wav", "b.wav", "c.mp4", "d.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    (waiting,) = harness.status().inbox
    assert "have no partner of the same name (a.wav, b.wav, c.mp4 and 1 more)" in waiting.reason
    assert harness.logged("have no partner of the same name") == 1
    assert len(list(folder.iterdir())) == 4
    harness.drop_batch("show", "a.mp4", "b.mp4", "c.wav", "d.wav")
    harness.run_rounds(service, 10)
    until_closed(harness, service)
    assert len(list((harness.spool.outbox / "show").glob("*.mp4"))) == 4


def test_a_restart_goes_on_where_the_batch_was(harness: ServiceHarness) -> None:
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    first = harness.service()
    harness.executor.answer = lambda render: rendered(render) if render.job_id.endswith("1") else []
    harness.run_rounds(first, 10)
    first.request_stop()
    first.run()
    assert read_summary(harness)["published"] == 1
    harness.executor.answer = rendered
    summary = harness.service().run_once()
    assert summary.published == 2
    numbers = [render.job_id[-1] for render in harness.executor.submitted]
    assert numbers == ["1", "2", "2", "3"]
    assert len(zip_contents(harness)) == 9


def test_a_retry_that_fails_again_leaves_no_folder_in_the_outbox(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse_two(harness)
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    until_closed(harness, service)
    assert read_summary(harness)["missing_in_zip"] == ["2"]
    for name, left in (("show", ["show (2) (failed)"]), ("show (2)", 2 * ["show (2) (failed)"])):
        harness.spool.retry(f"{name}/2")
        harness.run_rounds(service, 10)
        until_closed(harness, service)
        assert harness.outbox() == ["show"]
        made = sorted(each.name for each in harness.spool.done.iterdir())
        assert [each[:17] for each in made] == ["show", *left]
        (again,) = harness.spool.failed.iterdir()
        assert again.name == "show (2)"
        assert "What is not here" not in (again / "2" / "reason.txt").read_text()


def test_a_result_that_somebody_took_is_told_of(harness: ServiceHarness) -> None:
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    service = harness.service()
    harness.executor.answer = lambda render: rendered(render) if render.job_id.endswith("1") else []
    harness.run_rounds(service, 10)
    (harness.spool.outbox / "show" / "1.mp4").unlink()
    for message in rendered(harness.executor.submitted[-1]):
        harness.executor.emit(CPU, message)
    until_closed(harness, service)
    assert read_summary(harness)["missing_in_zip"] == ["1.mp4"]
    assert "show/1.mp4" not in zip_contents(harness)
    assert harness.logged("taken out of the outbox before the ZIP was made: 1.mp4") == 1


def test_a_full_disk_delays_the_zip_and_nothing_else(
    harness: ServiceHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(read_disk_space(tmp_path), free_bytes=0)
    monkeypatch.setattr(zip_writer, "read_disk_space", lambda _: full)
    harness.drop_batch("show", "talk.wav", "1.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    harness.drop("other.wav", "other.mp4")
    harness.run_rounds(service, 10)
    hold = harness.status().hold
    assert hold is not None
    assert "the ZIP of the batch show needs" in hold
    assert "other.mp4" in harness.outbox()
    monkeypatch.undo()
    until_closed(harness, service)
    harness.run_rounds(service, 2)
    assert len(zip_contents(harness)) == 3
    assert harness.status().hold is None


def test_a_batch_waits_for_its_turn_and_lets_urgent_jobs_pass(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop_batch("show", "talk.wav", *(f"{n}.mp4" for n in range(5)))
    harness.run_rounds(service, 10)
    harness.drop("plain.wav", "plain.mp4", "urgent.wav", "urgent.mp4")
    (harness.spool.inbox / "urgent.toml").write_text("priority = 1")
    harness.run_rounds(service, 10)
    names = [(job.name, job.state) for job in harness.status().jobs]
    assert names == [("show/0", "running"), ("urgent", "queued")]
    assert [each.name for each in harness.status().inbox] == ["plain"]


def test_a_folder_that_is_removed_by_hand_is_dropped(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    harness.run_rounds(service, 8)
    (folder,) = harness.spool.processing.iterdir()
    shutil.rmtree(folder)
    harness.executor.emit(
        CPU, Refused(job_id=harness.executor.submitted[0].job_id, reason="The file is gone.")
    )
    harness.run_rounds(service, 20)
    assert harness.logged("dropped: its folder in processing/ was removed") >= 2
    assert harness.status().batches == ()
    assert harness.status().hold is None


def test_wrong_options_for_all_fail_each_member_with_the_line(harness: ServiceHarness) -> None:
    folder = harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    (folder / "job.toml").write_text("\nquality = 'best'\n")
    assert harness.service().run_once().failed == 2
    assert harness.executor.submitted == []
    for name in ("1", "2"):
        reason = (harness.spool.failed / "show" / name / "reason.txt").read_text()
        assert 'job.toml, line 2: quality = "best"' in reason


def test_an_unreadable_folder_holds_up_nobody(harness: ServiceHarness) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder = harness.drop_batch("show", "talk.wav", "1.mp4")
    folder.chmod(0)
    harness.drop("other.wav", "other.mp4")
    harness.service().run_once()
    folder.chmod(0o755)
    assert "other.mp4" in harness.outbox()
    assert harness.logged("cannot be read") == 1


@pytest.mark.parametrize("place", ["show", "show/1"])
def test_an_unreadable_folder_is_named_and_the_others_are_served(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Simulated, since root may read everything."""
    (harness.drop_batch("show", "talk.wav", "1.mp4") / "1").mkdir()
    harness.drop("other.wav", "other.mp4")
    listing = paths.listing

    def refuse(path: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if path == harness.spool.inbox / place:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listing(path)

    monkeypatch.setattr(paths, "listing", refuse)
    service = harness.service()
    harness.run_rounds(service, 20)
    (notice,) = harness.status().inbox
    told = f"cannot be read: whoever dropped it does not let the service open {place}"
    assert (notice.name, notice.reason, notice.waits_for) == ("show", told, "attention")
    assert notice.remedy.startswith("Copy it into the inbox anew")
    assert translator("zh").knows(notice.reason)
    assert harness.status().hold is None
    assert "other.mp4" in harness.outbox()


def test_a_round_ends_a_limited_number_of_members_that_are_refused(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MAX_ENDED", 5)
    names = [f"{number}.mp4" for number in range(23)]
    folder = harness.drop_batch("show", "talk.wav", *names)
    (folder / "job.toml").write_text("nonsense = 1\n")
    (harness.spool.inbox / "show.ready").touch()
    service, failed, counts = harness.service(), harness.spool.failed / "show", [0]
    while counts[-1] < len(names) and len(counts) < 1000:
        harness.run_rounds(service, 0.25)
        counts.append(len(list(failed.iterdir())) if failed.is_dir() else 0)
    assert counts[-1] == len(names)
    assert max(after - before for before, after in pairwise(counts)) == 5
