"""Active hours in the service: nothing starts outside of them, and everybody is told until when."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heygem_daemon.cli.daemon import at_all_hours
from heygem_daemon.protocol import Deferred
from heygem_daemon.service.queue import Queue
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.system.units import GIB
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_admission_disk import SetFree, free
from tests.service.test_backlog import metrics

__all__ = ["free"]

NIGHT = "Mon-Fri 22:00-06:00"


def at(harness: ServiceHarness, text: str) -> None:
    """Set the wall clock to a local time of Tokyo."""
    wanted = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()
    harness.clock.now += wanted - harness.clock.wall()


def set_wall(harness: ServiceHarness, text: str) -> None:
    """Set the wall clock alone, so that it may go back."""
    before = harness.clock.now
    at(harness, text)
    harness.clock.wall_offset += harness.clock.now - before
    harness.clock.now = before


def configure(harness: ServiceHarness) -> None:
    harness.configure(active_hours=(NIGHT,), time_zone="Asia/Tokyo")
    at(harness, "2026-11-30 21:00")


LINE = "waits for the active hours, until Mon 22:00 (Asia/Tokyo)"


def test_nothing_starts_before_the_hours_and_status_says_until_when(
    harness: ServiceHarness,
) -> None:
    configure(harness)
    harness.drop("talk.wav", "talk.mp4", "next.wav", "next.mp4", "last.wav", "last.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    assert not harness.executor.submitted
    status = harness.status()
    assert (status.state, status.hold, status.rest) == ("idle", None, LINE)
    assert status.rests_until == harness.clock.wall() + 3600 - 20
    assert status.summary() == f"idle; {LINE}; 3 pairs wait"
    assert status.jobs[0].reason == LINE
    found = metrics(harness)
    assert found['heygem_waiting{for="hours"}'] == 3
    assert found["heygem_on_hold"] == found["heygem_within_active_time"] == 0
    assert harness.logged("outside the active hours no job starts, until Mon 22:00") == 1
    harness.clock.now += 3570
    harness.run_rounds(service, 60)
    assert harness.outbox() == sorted(
        f"{name}.{kind}" for name in ("talk", "next", "last") for kind in ("json", "mp4", "png")
    )
    assert metrics(harness)["heygem_within_active_time"] == 1
    assert harness.logged("the active hours begin") == 1
    assert harness.status().rest is None


def test_a_running_job_is_finished_and_the_next_one_waits(harness: ServiceHarness) -> None:
    configure(harness)
    at(harness, "2026-12-01 05:59:00")
    harness.executor.answer = keep_running
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    (order,) = harness.executor.submitted
    harness.drop("next.wav", "next.mp4")
    harness.run_rounds(service, 30)
    harness.clock.now += 3600
    harness.run_rounds(service, 5)
    assert not harness.executor.paused, "it makes no room for a job that cannot start"
    for message in rendered(order):
        harness.executor.emit_for_job(order.job_id, message)
    harness.run_rounds(service, 60)
    assert "talk.mp4" in harness.outbox()
    assert len(harness.executor.submitted) == 1
    assert "until Tue 22:00" in (harness.status().rest or "")


@pytest.mark.parametrize("lack", ["memory", "disk"])
def test_before_the_hours_they_are_the_reason_whatever_was_lacking_last(
    harness: ServiceHarness, free: SetFree, lack: str
) -> None:
    configure(harness)
    harness.configure(free_space_gib=2)
    at(harness, "2026-12-01 05:59:00")
    harness.free_memory = GIB // 2 if lack == "memory" else 32 * GIB
    free(50 if lack == "memory" else 0.5)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 30)
    assert "GiB" in (harness.status().hold or "")
    assert "GiB" in (harness.status().jobs[0].reason or "")
    harness.run_rounds(service, 60)
    status, rest = harness.status(), LINE.replace("Mon", "Tue")
    assert (status.state, status.hold) == ("idle", None)
    assert status.jobs[0].reason == rest
    assert "GiB" not in status.summary()
    page = (harness.spool.root / "status.txt").read_text()
    assert f"1. talk: {rest}" in page
    assert "Nothing starts at the moment" not in page
    assert metrics(harness)["heygem_on_hold"] == 0


def test_a_folder_rests_while_the_jobs_of_others_lack_memory(harness: ServiceHarness) -> None:
    harness.configure(folders={"night": {"active_hours": NIGHT}}, time_zone="Asia/Tokyo")
    at(harness, "2026-11-30 21:59:00")
    service = harness.service()
    harness.run_rounds(service, 1)
    for kind in ("wav", "mp4"):
        (harness.spool.inbox / "night" / f"late.{kind}").write_bytes(b"late")
    harness.run_rounds(service, 10)
    harness.free_memory = GIB // 2
    at(harness, "2026-11-30 22:00:00")
    harness.run_rounds(service, 10)
    assert "of memory are free" in (harness.status().jobs[0].reason or "")
    at(harness, "2026-12-01 06:00:00")
    harness.drop("now.wav", "now.mp4")
    harness.run_rounds(service, 10)
    reasons = {each.name: each.reason or "" for each in harness.status().jobs}
    assert "of memory are free" in reasons["now"]
    assert reasons["night/late"] == LINE.replace("hours", "hours of night").replace("Mon", "Tue")


def test_a_pause_after_a_fault_is_no_reason_before_the_hours(harness: ServiceHarness) -> None:
    configure(harness)
    at(harness, "2026-12-01 05:59:00")
    harness.executor.answer = lambda order: [
        Deferred(job_id=order.job_id, reason="The disk is full.")
    ]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 58)
    assert "The disk is full" in (harness.status().jobs[0].reason or "")
    harness.run_rounds(service, 6)
    (job,) = harness.status().jobs
    assert (job.state, job.reason) == ("queued", LINE.replace("Mon", "Tue"))
    assert harness.status().backlog.pairs == {"hours": 1}


def test_a_wrong_sidecar_fails_at_any_hour(harness: ServiceHarness) -> None:
    configure(harness)
    harness.drop("talk.wav", "talk.mp4")
    (harness.spool.inbox / "talk.toml").write_text("crf = 'no'")
    harness.run_rounds(harness.service(), 20)
    assert harness.failed() == ["talk"]


def test_a_folder_has_hours_of_its_own(harness: ServiceHarness) -> None:
    configure(harness)
    profiles = {"day": {"active_hours": "Mon-Fri 08:00-18:00"}, "always": {"active_hours": ""}}
    harness.configure(folders={**profiles, "anna": {}})
    service = harness.service()
    harness.run_rounds(service, 1)
    for folder in ("day", "always", "anna"):
        for kind in ("wav", "mp4"):
            (harness.spool.inbox / folder / f"talk.{kind}").write_bytes(folder.encode())
    harness.run_rounds(service, 30)
    assert (harness.spool.outbox / "always" / "talk.mp4").exists()
    assert sorted(each.reason or "" for each in harness.status().jobs) == [
        "waits for the active hours of day, until Tue 08:00 (Asia/Tokyo)",
        LINE,
    ]
    assert harness.logged("outside the active hours no job of day starts, until Tue 08:00") == 1
    at(harness, "2026-12-01 07:59:50")
    harness.run_rounds(service, 30)
    assert (harness.spool.outbox / "day" / "talk.mp4").exists()
    assert not (harness.spool.outbox / "anna" / "talk.mp4").exists()
    assert harness.logged("the active hours of day begin: jobs start again") == 1


def test_a_claimed_job_says_that_it_rests_while_others_run(harness: ServiceHarness) -> None:
    configure(harness)
    harness.configure(active_hours=(), folders={"night": {"active_hours": NIGHT}})
    harness.executor.answer = keep_running
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.drop("now.wav", "now.mp4")
    harness.run_rounds(service, 10)
    for kind in ("wav", "mp4"):
        (harness.spool.inbox / "night" / f"late.{kind}").write_bytes(b"late")
    harness.run_rounds(service, 10)
    harness.drop("next.wav", "next.mp4")
    harness.run_rounds(service, 10)
    late = next(each for each in harness.status().jobs if each.name == "night/late")
    assert late.reason == "waits for the active hours of night, until Mon 22:00 (Asia/Tokyo)"
    page = (harness.spool.root / "status.txt").read_text()
    assert f"  night/late: {late.reason}" in page


def test_a_wait_counts_only_while_its_folder_may_work(harness: ServiceHarness) -> None:
    set_wall(harness, "2020-11-30 20:59")  # before the files are made, whose times are of today
    night = {"night": {"active_hours": "Mon-Fri 22:00-06:00"}}
    harness.configure(folders=night, time_zone="Asia/Tokyo")
    harness.executor.answer = keep_running
    harness.drop("long.wav", "long.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    for name in (f"{number}.{kind}" for number in range(9) for kind in ("wav", "mp4")):
        (harness.spool.inbox / "night" / name).write_bytes(name.encode())
    set_wall(harness, "2020-11-30 21:00")
    harness.run_rounds(service, 20)

    def waited() -> float:
        status = harness.status()
        return status.written - (status.backlog.oldest or 0.0)

    status, closed = harness.status(), "waits for the active hours of night, until Mon 22:00"
    assert status.backlog.pairs == {"hours": 9}
    assert {each.waits_for for each in status.inbox} == {"hours"}
    assert status.inbox[0].reason == f"{closed} (Asia/Tokyo)"
    assert metrics(harness)['heygem_waiting{for="hours"}'] == 9
    assert waited() == 0
    set_wall(harness, "2020-11-30 22:10")
    harness.run_rounds(service, 2)
    assert harness.status().backlog.pairs == {"turn": 9}
    assert waited() == pytest.approx(600, abs=10)
    set_wall(harness, "2020-12-01 21:00")
    harness.run_rounds(service, 2)
    assert waited() == pytest.approx(8 * 3600, abs=10), "of the night, none of the day"


def test_a_folders_job_does_not_pause_where_it_could_not_go_on(harness: ServiceHarness) -> None:
    harness.configure(
        folders={"day": {"active_hours": "Mon-Fri 08:00-18:00"}}, time_zone="Asia/Tokyo"
    )
    at(harness, "2026-12-01 17:59:30")
    harness.executor.answer = keep_running
    service = harness.service()
    harness.run_rounds(service, 1)
    for kind in ("wav", "mp4"):
        (harness.spool.inbox / "day" / f"talk.{kind}").write_bytes(b"day")
    harness.run_rounds(service, 20)
    harness.drop("short.wav", "short.mp4")
    harness.run_rounds(service, 200)
    assert not harness.executor.paused


DAY_HOURS = {"active_hours": "Mon-Fri 08:00-18:00"}


def put(harness: ServiceHarness, folder: str, *names: str) -> None:
    for name in names:
        for kind in ("wav", "mp4"):
            (harness.spool.inbox / folder / f"{name}.{kind}").write_bytes(
                f"{folder}{name}".encode()
            )


def published(harness: ServiceHarness) -> list[str]:
    found = harness.spool.outbox.rglob("*.mp4")
    return sorted(str(each.relative_to(harness.spool.outbox)) for each in found)


@pytest.mark.parametrize("profile", [DAY_HOURS, {**DAY_HOURS, "priority": 10}])
def test_folders_that_rest_keep_no_place_from_others(
    harness: ServiceHarness, profile: dict[str, object]
) -> None:
    resting = ("anna", "bea", "carl")
    harness.configure(
        folders={**dict.fromkeys(resting, profile), "always": {}}, time_zone="Asia/Tokyo"
    )
    at(harness, "2026-11-30 21:00")
    service = harness.service()
    harness.run_rounds(service, 1)
    for folder in resting:
        put(harness, folder, "a", "b", "c")
    harness.run_rounds(service, 30)
    put(harness, "always", "x", "y")
    harness.drop("plain.wav", "plain.mp4")
    harness.run_rounds(service, 60)
    assert published(harness) == ["always/x.mp4", "always/y.mp4", "plain.mp4"]
    at(harness, "2026-12-01 08:00")
    harness.run_rounds(service, 120)
    assert len(published(harness)) == 12


def test_the_summary_says_until_when_folders_rest(harness: ServiceHarness) -> None:
    later = {"active_hours": "Mon-Fri 09:00-18:00"}
    harness.configure(folders={"anna": later, "day": DAY_HOURS}, time_zone="Asia/Tokyo")
    at(harness, "2026-11-30 21:00")
    service = harness.service()
    harness.run_rounds(service, 1)
    put(harness, "anna", "a", "b", "c")
    put(harness, "day", "d")
    harness.run_rounds(service, 20)
    status = harness.status()
    rest = "waits for the active hours of day, until Tue 08:00 (Asia/Tokyo)"
    assert status.summary() == f"idle; {rest}; 4 pairs wait"
    assert (status.rest, status.rests_until, status.backlog.pairs) == (None, None, {"hours": 4})


def test_what_rests_takes_no_turn() -> None:
    queue = Queue(rests=lambda folder: folder == "night")
    for owner, count in (("night", 4), ("a", 3), ("b", 1)):
        for number in range(count):
            journal = Journal(
                id=f"{owner}{number}",
                name=owner,
                audio_name="a.wav",
                video_name="a.mp4",
                claimed_at=0.0,
                folder=owner if owner == "night" else "",
            )
            path = Path("/p")
            queue.append(Job(journal.id, owner, path, path, path, journal), owner=owner)
    order = [each.job.id for each in queue]
    assert order[:4] == ["a0", "b0", "a1", "a2"]
    queue.record_start(next(iter(queue)), 0.0)
    assert not queue._history._passed_over, "nobody is passed over who could not start"


def test_once_heeds_no_hours(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": DAY_HOURS}, time_zone="Asia/Tokyo", active_hours=(NIGHT,))
    at(harness, "2026-11-30 21:00")
    harness.settings = at_all_hours(harness.settings)
    first = harness.service()
    harness.run_rounds(first, 0.25)
    harness.kill(first)
    put(harness, "anna", "a")
    harness.drop("plain.wav", "plain.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.left) == (2, 0)


def test_a_reload_opens_the_hours_at_once(harness: ServiceHarness) -> None:
    configure(harness)
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    harness.reloaded = lambda: harness.settings.model_copy(update={"active_hours": ()})
    service.request_reload()
    harness.run_rounds(service, 10)
    assert "talk.mp4" in harness.outbox()
