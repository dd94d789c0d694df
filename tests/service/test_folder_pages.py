"""The pages of hot folders in a running service: each shows its people what is theirs alone."""

from collections import Counter
from pathlib import Path

from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status import GpuWarning, JobStatus, Status
from heygem_daemon.service.folder_statuses import COMMON_HOLD, Everything, folder_statuses
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.last_ended import LastEnded
from heygem_daemon.spool.layout import PAGE_NAMES
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness
from tests.page.conftest import NOW
from tests.service.test_batches import refuse_two, until_closed
from tests.service.test_hot_folders import drop_in


def page(harness: ServiceHarness, folder: str) -> str:
    """Return both pages of a hot folder."""
    outbox = harness.spool.root / "outbox" / folder
    return "".join((outbox / name).read_text() for name in PAGE_NAMES)


def pages_in(harness: ServiceHarness, folder: str) -> set[str]:
    outbox = harness.spool.root / "outbox" / folder
    return {each.name for each in outbox.iterdir()} & set(PAGE_NAMES)


def test_each_page_shows_its_own_and_how_many_others_go_first(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}, "ben": {}}, lone_file_minutes=0.0)
    service = harness.service()
    harness.run_rounds(service, 2)
    harness.executor.answer = keep_running
    for name in ("first", "second", "third"):
        drop_in(harness, "ben", f"secret-{name}.wav", f"secret-{name}.mp4")
    (drop_in(harness, "ben", "secret-lone.wav") / "secret.cancel").touch()
    harness.run_rounds(service, 12)
    drop_in(harness, "anna", "own.wav", "own.mp4", "own-2.wav", "own-2.mp4", "lone.wav")
    harness.run_rounds(service, 25)
    anna, ben = page(harness, "anna"), page(harness, "ben")
    for text in ("own-2", "lone.wav", "has no video of the same name", "of others go", "其他人的"):
        assert text in anna
    for text in ("secret", "ben"):
        assert text not in anna, "names of others"
    for text in ("secret-first", "loading the model", "secret-third", "secret-lone.wav"):
        assert text in ben
    assert "own-2" not in ben
    assert "secret-first" in (harness.spool.root / "status.html").read_text()


def test_results_failures_and_batches_are_on_it_also_after_a_restart(
    harness: ServiceHarness,
) -> None:
    harness.configure(folders={"anna": {}, "ben": {}})
    harness.executor.answer = refuse_two(harness)
    service = harness.service()
    harness.run_rounds(service, 2)
    drop_in(harness, "anna")
    drop_in(harness, "anna/show", "sound.wav", "1.mp4", "2.mp4")
    drop_in(harness, "ben", "secret.wav", "secret.mp4")
    harness.run_rounds(service, 30)
    until_closed(harness, service)
    harness.run_rounds(service, 6)
    before = page(harness, "anna")
    for text in (
        '<a href="./talk.mp4">talk</a>',
        '<a href="./show/show.zip">ZIP</a>',
        '<a href="./show/1.mp4">1</a>',
        "1 of 2 published, 1 failed",
        "failed/anna/show/2 (my-failed/show/2)",
        "video 2 shows no face.",
        "deleted on",
    ):
        assert text in before
    assert "secret" not in before
    assert "../" not in before
    harness.kill(service)
    harness.run_rounds(harness.service(), 6)
    after = page(harness, "anna")
    assert [line for line in after.split("\n") if 'href="./' in line] == [
        line for line in before.split("\n") if 'href="./' in line
    ]


def test_answers_name_the_folders_that_the_people_of_a_hot_folder_see(
    harness: ServiceHarness,
) -> None:
    """They have shares of their own, or the folder's name in the shares of all."""
    harness.configure(folders={"anna": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    drop_in(harness, "anna", "talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    (drop_in(harness, "anna", "half.wav") / "half.cancel").touch()
    harness.run_rounds(service, 15)
    (harness.spool.root / "inbox" / "anna" / "talk.cancel").touch()
    (harness.spool.root / "inbox" / "anna" / "half.hurry").touch()
    harness.run_rounds(service, 15)
    shown = page(harness, "anna")
    for text in (
        "half is cancelled; its files are in failed/anna (my-failed)",
        "talk is finished: its result is in outbox/anna (my-outbox); talk.remove deletes it",
        "half has failed already: its files are in failed/anna (my-failed); half.remove",
        "half 已取消；其文件在 failed/anna (my-failed) 中",
        "talk 已完成：结果在 outbox/anna (my-outbox) 中；用 talk.删除 可删除",
    ):
        assert text in shown
    common = (harness.spool.root / "status.html").read_text()
    assert "talk is finished: its result is in outbox/anna; talk.remove deletes it" in common
    assert "my-" not in common, "who reads it has the shares of all"


def test_it_goes_with_its_folder_and_with_the_setting(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 6)
    assert pages_in(harness, "anna") == pages_in(harness, "ben") == set(PAGE_NAMES)
    harness.configure(folders={"ben": {}})
    harness.reloaded = lambda: harness.settings
    service.request_reload()
    harness.run_rounds(service, 3)
    assert (pages_in(harness, "anna"), pages_in(harness, "ben")) == (set(), set(PAGE_NAMES))
    harness.kill(service)
    harness.configure(status_page=False)
    harness.run_rounds(harness.service(), 3)
    assert pages_in(harness, "ben") == set()
    assert not (harness.spool.root / "status.html").exists()


def test_a_stop_is_told_by_every_page(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    service.request_stop()
    service.run()
    for folder in ("anna", "ben"):
        assert 'data-state="stopped"' in page(harness, folder)


def everything(tmp_path: Path, jobs: tuple[JobStatus, ...], hold: str | None) -> Everything:
    status = Status(
        version="0",
        pid=1,
        state="holding",
        started=NOW,
        written=NOW,
        spool=str(tmp_path),
        engine="auto",
        device="auto",
        hold="the outbox of ben cannot be used",
        settings_note="config.toml: folders.ben is wrong",
        requests=(RequestStatus(name="anna/lost.cancel", folder="anna", text="t", at=NOW),),
        warnings=(GpuWarning(kind="hot", device="GPU", uuid="u", job="ben/x", at=NOW, text="t"),),
    )
    queued = Counter(each.folder for each in jobs)
    return Everything(status, jobs, queued, InboxView(), LastEnded(9, 9), LastEnded(9, 9), hold)


def test_what_may_name_others_is_left_out(tmp_path: Path) -> None:
    own = JobStatus(id="1", name="anna/talk", state="queued", folder="anna", others=1)
    jobs = (own.model_copy(update={"folder": "ben", "name": "ben/x"}), own)
    ((name, status),) = folder_statuses(everything(tmp_path, jobs, None), ["anna"])
    assert name == "anna"
    assert [each.name for each in status.jobs] == ["talk"]
    assert [each.name for each in status.requests] == ["lost.cancel"]
    assert (status.hold, status.settings_note, status.warnings) == (COMMON_HOLD, None, ())
    for first, shown in (("ben/x", ""), ("x", ""), ("anna/b", "b")):
        paused = own.model_copy(update={"state": "paused", "first": first})
        ((_, status),) = folder_statuses(everything(tmp_path, (paused,), None), ["anna"])
        assert status.jobs[0].first == shown
    ((_, status),) = folder_statuses(everything(tmp_path, jobs, "GPU 0 is busy"), ["anna"])
    assert status.hold == "GPU 0 is busy"
