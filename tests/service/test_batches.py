"""Folders that are dropped, from the inbox to their ZIP."""

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import FromWorker, Refused, Render
from heygem_daemon.service import batches
from heygem_daemon.service.loop import Service
from heygem_daemon.system.disk_space import read_disk_space
from heygem_daemon.worker.executor import WorkerDied

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

Messages = list[FromWorker | WorkerDied]


def summary(stage: "ServiceHarness", batch: str = "show") -> dict[str, object]:
    found = json.loads((stage.spool.outbox / batch / "batch.json").read_text())
    assert isinstance(found, dict)
    return found


def refuse_two(stage: "ServiceHarness") -> Callable[[Render], Messages]:
    def answer(render: Render) -> Messages:
        if Path(render.video).read_bytes() == b"2.mp4":
            return [Refused(job_id=render.job_id, reason="video 2 shows no face.")]
        return stage.rendered(render)

    return answer


def zipped(stage: "ServiceHarness", batch: str = "show") -> dict[str, bytes]:
    with zipfile.ZipFile(stage.spool.outbox / batch / f"{batch}.zip") as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def until_closed(stage: "ServiceHarness", service: Service) -> None:
    """The ZIP is written in real time, whatever the stage's clock says."""
    deadline = time.monotonic() + 60
    while stage.processing():
        assert time.monotonic() < deadline
        stage.run_rounds(service, 1)
        time.sleep(0.005)


def test_a_folder_becomes_results_of_the_same_name_and_a_zip(stage: "ServiceHarness") -> None:
    stage.drop_batch("show", "talk.wav", "10.mp4", "9.mp4", "8.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left, tally.hold) == (3, 0, 0, None)
    ids = [render.job_id[-4:] for render in stage.executor.submitted]
    assert ids == ["0001", "0002", "0003"]
    outbox = sorted(path.name for path in (stage.spool.outbox / "show").iterdir())
    assert outbox == sorted(
        [f"{n}.{e}" for n in (8, 9, 10) for e in ("mp4", "json", "png")]
        + ["batch.json", "show.zip"]
    )
    assert set(zipped(stage)) == {
        f"show/{n}.{e}" for n in (8, 9, 10) for e in ("mp4", "json", "png")
    }
    assert summary(stage)["state"] == "finished"
    assert sorted(path.name for path in (stage.spool.done / "show" / "inputs").iterdir()) == [
        "10.mp4", "8.mp4", "9.mp4", "talk.wav",
    ]  # fmt: skip
    assert stage.processing() == 0
    assert not list(stage.spool.inbox.iterdir())


def test_each_result_is_there_as_soon_as_it_is_done(stage: "ServiceHarness") -> None:
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    service = stage.service()
    stage.executor.answer = lambda render: []
    stage.run_rounds(service, 8)
    for done in (1, 2):
        for message in stage.rendered(stage.executor.submitted[-1]):
            stage.executor.emit(CPU, message)
        stage.run_rounds(service, 2)
        found = sorted(path.name for path in (stage.spool.outbox / "show").glob("*.mp4"))
        assert found == [f"{number}.mp4" for number in range(1, done + 1)]
        (batch,) = stage.status().batches
        assert batch.progress == f"{done} of 3 done, now: {done + 1}"
        assert [(job.name, job.state) for job in stage.status().jobs] == [
            (f"show/{done + 1}", "running")
        ]
        assert summary(stage)["published"] == done
    assert not (stage.spool.outbox / "show" / "show.zip").exists()
    assert "show/3" in stage.status().summary()


def test_a_bad_member_fails_alone(stage: "ServiceHarness") -> None:
    stage.executor.answer = refuse_two(stage)
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left) == (2, 1, 0)
    folder = stage.spool.failed / "show" / "2"
    assert sorted(path.name for path in folder.iterdir()) == [
        "2.mp4", "job.json", "reason.txt", "talk.wav",
    ]  # fmt: skip
    assert "video 2 shows no face." in (folder / "reason.txt").read_text()
    assert {name for name in zipped(stage) if name.endswith("mp4")} == {"show/1.mp4", "show/3.mp4"}
    jobs = summary(stage)["jobs"]
    assert isinstance(jobs, list)
    assert [job["state"] for job in jobs] == ["published", "failed", "published"]
    assert jobs[1]["folder"] == "failed/show/2"
    assert (stage.spool.done / "show" / "inputs" / "talk.wav").read_bytes() == b"talk.wav"


def test_the_log_tells_the_batchs_progress(stage: "ServiceHarness") -> None:
    stage.executor.answer = refuse_two(stage)
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4", "notes.txt")
    stage.service().run_once()
    for line in (
        "INFO batch claimed: 3 videos speak talk.wav",
        "INFO job started on CPU, attempt 1, 3 of 3",
        "WARNING notes.txt is neither audio, video nor a sidecar",
        "INFO 1 of 3 done {",
        "INFO 2 of 3 done, 1 of them failed",
        "INFO 3 of 3 done, 1 of them failed",
        "INFO packing 2 results into show.zip",
        "INFO batch finished: 2 published, 1 failed; all of it in show.zip",
    ):
        assert stage.logged(line) == 1, line
    assert stage.logged("'job': 'show/3'") >= 3


def test_a_batch_without_a_good_member_has_no_zip(stage: "ServiceHarness") -> None:
    stage.executor.answer = refuse_two(stage)
    stage.drop_batch("show", "talk.wav", "2.mp4")
    assert stage.service().run_once().failed == 1
    assert [path.name for path in (stage.spool.outbox / "show").iterdir()] == ["batch.json"]
    assert stage.processing() == 0


def test_a_batch_is_left_alone_until_it_has_settled_as_a_whole(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.run_rounds(service, 1)
    stage.drop_batch("show", "talk.wav", "1.mp4")
    stage.run_rounds(service, 4)
    stage.drop_batch("show", "2.mp4")
    stage.run_rounds(service, 4)
    assert stage.executor.submitted == []
    (waiting,) = stage.status().inbox
    assert waiting.name == "show"
    assert waiting.reason.startswith("1 of its 3 files are not settled; 2.mp4: ")
    (stage.spool.inbox / "show" / "3.mp4.part").touch()
    stage.run_rounds(service, 8)
    assert stage.status().inbox[0].reason == "an upload into it is under way: 3.mp4.part"
    (stage.spool.inbox / "show" / "3.mp4.part").unlink()
    stage.run_rounds(service, 3)
    assert len(stage.executor.submitted) == 2


def test_a_name_that_went_away_begins_the_quiet_period_anew(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    stage.run_rounds(service, 4)
    (stage.spool.inbox / "show" / "2.mp4").unlink()
    stage.run_rounds(service, 4)
    assert stage.executor.submitted == []
    assert stage.status().inbox[0].reason == "it has changed lately"
    stage.run_rounds(service, 4)
    assert len(stage.executor.submitted) == 1


@pytest.mark.parametrize("marker", ["show.ready", "show/.ready"])
def test_a_marker_settles_the_folder_at_once(stage: "ServiceHarness", marker: str) -> None:
    service = stage.service()
    stage.run_rounds(service, 1)
    stage.drop_batch("show", "talk.wav", "1.mp4")
    (stage.spool.inbox / marker).touch()
    stage.run_rounds(service, 2)
    assert len(stage.executor.submitted) == 1
    assert not list(stage.spool.inbox.iterdir())


@pytest.mark.parametrize("marker", ["show.ready", "show/.ready"])
def test_rule_6_a_marker_older_than_the_last_change_says_nothing(
    stage: "ServiceHarness", marker: str
) -> None:
    service = stage.service()
    stage.drop_batch("show", "talk.wav")
    (stage.spool.inbox / marker).touch()
    stage.run_rounds(service, 2)
    stage.drop_batch("show", "1.mp4")
    stage.run_rounds(service, 3)
    assert stage.executor.submitted == []
    stage.run_rounds(service, 6)
    assert len(stage.executor.submitted) == 1


def test_a_folder_that_is_no_batch_waits_visibly(stage: "ServiceHarness") -> None:
    folder = stage.drop_batch("show", "a.wav", "b.wav", "c.mp4", "d.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    (waiting,) = stage.status().inbox
    assert "have no partner of the same name (a.wav, b.wav, c.mp4 and 1 more)" in waiting.reason
    assert stage.logged("have no partner of the same name") == 1
    assert len(list(folder.iterdir())) == 4
    stage.drop_batch("show", "a.mp4", "b.mp4", "c.wav", "d.wav")
    stage.run_rounds(service, 10)
    until_closed(stage, service)
    assert len(list((stage.spool.outbox / "show").glob("*.mp4"))) == 4


def test_a_restart_goes_on_where_the_batch_was(stage: "ServiceHarness") -> None:
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    first = stage.service()
    stage.executor.answer = lambda render: (
        stage.rendered(render) if render.job_id.endswith("1") else []
    )
    stage.run_rounds(first, 10)
    first.request_stop()
    first.run()
    assert summary(stage)["published"] == 1
    stage.executor.answer = stage.rendered
    tally = stage.service().run_once()
    assert tally.published == 2
    numbers = [render.job_id[-1] for render in stage.executor.submitted]
    assert numbers == ["1", "2", "2", "3"]
    assert len(zipped(stage)) == 9


def test_a_result_that_somebody_took_is_told_of(stage: "ServiceHarness") -> None:
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    service = stage.service()
    stage.executor.answer = lambda render: (
        stage.rendered(render) if render.job_id.endswith("1") else []
    )
    stage.run_rounds(service, 10)
    (stage.spool.outbox / "show" / "1.mp4").unlink()
    for message in stage.rendered(stage.executor.submitted[-1]):
        stage.executor.emit(CPU, message)
    until_closed(stage, service)
    assert summary(stage)["missing_in_zip"] == ["1.mp4"]
    assert "show/1.mp4" not in zipped(stage)
    assert stage.logged("1.mp4 was taken out of the outbox before the ZIP was made") == 1


def test_a_full_disk_delays_the_zip_and_nothing_else(
    stage: "ServiceHarness", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(read_disk_space(tmp_path), free_bytes=0)
    monkeypatch.setattr(batches, "read_disk_space", lambda _: full)
    stage.drop_batch("show", "talk.wav", "1.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    stage.drop("other.wav", "other.mp4")
    stage.run_rounds(service, 10)
    hold = stage.status().hold
    assert hold is not None
    assert "the ZIP of the batch show needs" in hold
    assert "other.mp4" in stage.outbox()
    monkeypatch.undo()
    until_closed(stage, service)
    stage.run_rounds(service, 2)
    assert len(zipped(stage)) == 3
    assert stage.status().hold is None


def test_a_batch_waits_for_its_turn_and_lets_urgent_jobs_pass(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    service = stage.service()
    stage.drop_batch("show", "talk.wav", *(f"{n}.mp4" for n in range(5)))
    stage.run_rounds(service, 10)
    stage.drop("plain.wav", "plain.mp4", "urgent.wav", "urgent.mp4")
    (stage.spool.inbox / "urgent.toml").write_text("priority = 1")
    stage.run_rounds(service, 10)
    names = [(job.name, job.state) for job in stage.status().jobs]
    assert names == [("show/0", "running"), ("urgent", "queued")]
    assert [each.name for each in stage.status().inbox] == ["plain"]


def test_a_folder_that_is_removed_by_hand_is_dropped(stage: "ServiceHarness") -> None:
    stage.executor.answer = lambda render: []
    service = stage.service()
    stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    stage.run_rounds(service, 8)
    (folder,) = stage.spool.processing.iterdir()
    shutil.rmtree(folder)
    stage.executor.emit(
        CPU, Refused(job_id=stage.executor.submitted[0].job_id, reason="The file is gone.")
    )
    stage.run_rounds(service, 20)
    assert stage.logged("dropped: its folder in processing/ was removed") >= 2
    assert stage.status().batches == ()
    assert stage.status().hold is None


def test_wrong_options_for_all_fail_each_member_with_the_line(stage: "ServiceHarness") -> None:
    folder = stage.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    (folder / "job.toml").write_text("\nquality = 'best'\n")
    assert stage.service().run_once().failed == 2
    assert stage.executor.submitted == []
    for name in ("1", "2"):
        reason = (stage.spool.failed / "show" / name / "reason.txt").read_text()
        assert 'job.toml, line 2: quality = "best"' in reason


def test_an_unreadable_folder_holds_up_nobody(stage: "ServiceHarness") -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder = stage.drop_batch("show", "talk.wav", "1.mp4")
    folder.chmod(0)
    stage.drop("other.wav", "other.mp4")
    stage.service().run_once()
    folder.chmod(0o755)
    assert "other.mp4" in stage.outbox()
    assert stage.logged("cannot be read") == 1
