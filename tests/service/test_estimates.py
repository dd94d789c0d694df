"""When waiting jobs start and are ready."""

from dataclasses import replace

import pytest

from heygem_daemon.config.hours import ActiveHours, parse_hours
from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.language.translator import translator
from heygem_daemon.protocol import Deferred
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import InboxStatus, JobStatus
from heygem_daemon.service.contents import ContentProbe, Version
from heygem_daemon.service.estimates import Estimate, Estimates, Places
from heygem_daemon.service.loop import Service
from heygem_daemon.service.pace import Pace
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_hot_folders import drop_in
from tests.service.test_pace import ended


def test_each_job_takes_the_first_place_that_is_free() -> None:
    places = Places([30.0, 100.0])
    assert [places.take(ActiveHours(), 60.0) for _ in range(4)] == [30, 90, 100, 150]


def test_a_job_starts_within_its_active_hours() -> None:
    """Two places; the hours begin an hour after midnight, and last as long as two jobs take."""
    night = parse_hours(["01:00-01:20"], "UTC")
    places = Places([60.0, 120.0])
    starts = [
        places.take(hours, 600.0) for hours in (night, night, ActiveHours(), night, night, night)
    ]
    assert starts == [3600, 3600, 60, 4200, 4200, 3600 + 86_400]


def test_hours_begin_with_the_places_that_are_free_by_then() -> None:
    """What is drawn when the hours begin goes on."""
    night = parse_hours(["01:00-23:00"], "UTC")
    places = Places([60.0, 7200.0])
    places.take(night, 600.0)
    (last,) = [places.take(night, 600.0) for _ in range(6)][-1:]
    assert last == 3600 + 6 * 600


def finish_running(harness: ServiceHarness, service: Service) -> None:
    """Let the job that runs take ten seconds, and end."""
    harness.run_rounds(service, 10)
    job_id = next(iter(harness.executor.busy.values()))
    render = next(each for each in harness.executor.submitted if each.job_id == job_id)
    for message in rendered(render):
        harness.executor.emit_for_job(job_id, message)
    harness.run_rounds(service, 3)


def told(harness: ServiceHarness) -> dict[str, str]:
    """Return the estimates in the status, by name."""
    status = harness.status()
    waiting: list[JobStatus | InboxStatus] = [*status.jobs, *status.inbox]
    return {each.name: each.estimate for each in waiting if each.estimate}


def serve_eight(harness: ServiceHarness) -> Service:
    """Return a service with eight jobs, of which three have ended, so that a pace is known."""
    service = harness.service()
    harness.executor.answer = keep_running
    for number in range(8):
        harness.drop(f"{number}.wav", f"{number}.mp4")
        harness.clock.now += 0.01
    harness.run_rounds(service, 8)
    for _ in range(3):
        finish_running(harness, service)
    return service


def test_none_is_given_while_a_claimed_job_is_held_back(harness: ServiceHarness) -> None:
    """Nobody knows when it goes on, and then it goes first."""
    service = serve_eight(harness)
    assert told(harness)
    job_id = next(iter(harness.executor.busy.values()))
    deferred = Deferred(job_id=job_id, reason="too little memory", of_memory=True)
    harness.executor.emit_for_job(job_id, deferred)
    harness.run_rounds(service, 3)
    (held,) = [each for each in harness.status().jobs if each.state == "deferred"]
    assert held.retry_at is not None
    assert told(harness) == {}


@pytest.mark.parametrize("is_known", [True, False])
def test_none_is_given_to_a_job_that_has_lost_work_in_pauses(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """It may lose work again. Those behind it keep their estimates if its length is known."""
    service = serve_eight(harness)
    assert set(told(harness)) == {"4", "5", "6", "7"}
    waiting = service._dispatcher._queue._waiting
    job_id, first = next(iter(waiting.items()))
    waiting[job_id] = replace(first, fruitless_pauses=1)
    monkeypatch.setattr(Pace, "tells", lambda _pace, _length: is_known)
    harness.run_rounds(service, 3)
    assert set(told(harness)) == ({"5", "6", "7"} if is_known else set())


def test_none_is_given_to_a_job_that_will_fail_nor_after_the_end(harness: ServiceHarness) -> None:
    """A wrong sidecar is known before its turn; what does not run starts nothing."""
    service = harness.service()
    harness.executor.answer = keep_running
    for number in range(8):
        harness.drop(f"{number}.wav", f"{number}.mp4")
        if number > 4:
            (harness.spool.inbox / f"{number}.toml").write_text("crf = 99")
        harness.clock.now += 0.01
    harness.run_rounds(service, 8)
    for _ in range(3):
        finish_running(harness, service)
    assert set(told(harness)) == {"4"}
    service.request_stop()
    service.run()
    status = (harness.spool.root / "status.txt").read_text()
    assert "The daemon is not running" in status
    assert "4: waits for its turn\n" in status
    assert told(harness) == {}
    assert "ready in" not in status


def test_what_a_batch_waits_for_are_its_active_hours() -> None:
    batch = BatchStatus(
        id="b", name="b", dropped_as="b", members=2, published=0, failed=0, waits="GPU 0 is busy"
    )
    rest = "waits for the active hours of night, until Mon 22:00 (UTC)"
    (told,) = Estimates().of_batches([batch], lambda _folder: rest)
    assert told.rests
    assert told.progress == f"0 of 2 done; {rest}"
    chinese = translator("zh")(told.progress)
    assert chinese == "已完成 0/2；等待 night 的工作时段，直到 周一 22:00（UTC）"


@pytest.mark.parametrize(
    ("starts", "ready", "text"),
    [
        (5, 28, "starts soon, ready in about 30 s"),
        (27, 48, "starts in about 30 s, ready in about 50 s"),
        (48, 69, "starts in about 50 s, ready in about 1 min"),
        (20, 80, "starts in about 20 s, ready in about 1 min"),
        (None, 80, "ready in about 1 min"),
        (20, None, "starts in about 20 s"),
        (5, None, "starts soon"),
        (None, None, ""),
        (65, 85, "starts in about 1 min, ready soon after"),
        (700, 890, "starts in about 12 min, ready in about 15 min"),
        (1250, 1500, "starts in about 20 min, ready in about 25 min"),
        (7000, 9000, "starts in about 1 h 55 min, ready in about 2 h 30 min"),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_can_be(
    starts: float | None, ready: float | None, text: str
) -> None:
    assert Estimate(starts, ready).text == text


def test_waiting_jobs_have_one_once_some_have_been_made(harness: ServiceHarness) -> None:
    night = {"active_hours": ["02:00-02:30"]}
    harness.configure(folders={"night": night}, time_zone="UTC")
    harness.clock.wall_offset += 3 * 3600 - harness.clock.wall() % 86_400
    service = harness.service()
    harness.executor.answer = keep_running
    harness.run_rounds(service, 1)
    drop_in(harness, "night", "n1.wav", "n1.mp4")
    for number in range(6):
        harness.drop(f"{number}.wav", f"{number}.mp4")
    harness.run_rounds(service, 8)

    def told() -> dict[str, str]:
        status = harness.status()
        waiting: list[JobStatus | InboxStatus] = [*status.jobs, *status.inbox]
        return {each.name: each.estimate for each in waiting if each.estimate}

    for _ in range(3):
        assert told() == {}
        harness.run_rounds(service, 100)
        job_id = next(iter(harness.executor.busy.values()))
        render = next(each for each in harness.executor.submitted if each.job_id == job_id)
        for message in rendered(render):
            harness.executor.emit_for_job(job_id, message)
        harness.run_rounds(service, 1)
    harness.run_rounds(service, 10)
    assert sorted(told()) == ["4", "5", "night/n1"]
    assert told()["night/n1"].startswith("starts in about 23 h"), "not before the hours begin"
    assert told()["4"].startswith("starts in about 2 min, ready in about")
    page = (harness.spool.root / "status.html").read_text()
    assert told()["4"] in page
    assert "分钟后开始" in page


def test_the_inbox_is_listed_in_the_order_in_which_its_pairs_go(harness: ServiceHarness) -> None:
    """Two folders take turns; by arrival alone all of anna's came first."""
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    harness.executor.answer = keep_running
    for number in range(6):
        drop_in(harness, "anna", f"a{number}.wav", f"a{number}.mp4")
    harness.run_rounds(service, 12)
    for number in range(3):
        drop_in(harness, "ben", f"b{number}.wav", f"b{number}.mp4")
    harness.run_rounds(service, 12)
    listed = [each.name for each in harness.status().inbox if each.waits_for == "turn"]
    assert len(listed) >= 4

    assert listed != sorted(listed), "anna's, which came first, do not all go first"
    for _ in range(9):
        job_id = next(iter(harness.executor.busy.values()))
        render = next(each for each in harness.executor.submitted if each.job_id == job_id)
        for message in rendered(render):
            harness.executor.emit_for_job(job_id, message)
        harness.run_rounds(service, 3)
    results = (harness.spool.root / "outbox").glob("*/*.mp4")
    made = sorted(results, key=lambda each: each.with_suffix(".json").stat().st_mtime_ns)
    order = [f"{each.parent.name}/{each.stem}" for each in made]
    assert [each for each in order if each in listed] == listed


def test_a_folder_and_a_pair_of_one_name_have_turns_of_their_own(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.executor.answer = keep_running
    harness.drop_batch("first", "1.wav", "1.mp4", "2.wav", "2.mp4", "3.wav", "3.mp4")
    harness.run_rounds(service, 16)
    harness.drop_batch("second", "1.wav", "1.mp4", "2.wav", "2.mp4")
    for name in ("one", "two", "talk"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    harness.drop_batch("talk", "1.wav", "1.mp4")
    harness.run_rounds(service, 16)
    listed = harness.status().inbox
    turns = {each.is_batch: each.turn for each in listed if each.name == "talk"}
    assert turns.keys() == {False, True}, listed
    assert turns[False] != turns[True], listed


def test_a_long_job_is_not_expected_as_soon_as_a_short_one(harness: ServiceHarness) -> None:
    """Ten minutes of sound were ready at the time of five seconds."""
    lengths = {f"{n}.wav": 4.0 for n in range(5)} | {"5-long.wav": 600.0, "6.wav": 5.0}
    found: dict[Version, MediaContent] = {}

    def examine(version: Version, _owner: int) -> None:
        name = version[0].name
        is_sound = name.endswith(".wav")
        found[version] = MediaContent(is_sound, not is_sound, lengths.get(name, 0.0))

    def take() -> dict[Version, MediaContent]:
        new = dict(found)
        found.clear()
        return new

    harness.content_probe = ContentProbe(examine, take)
    service = harness.service()
    harness.executor.answer = keep_running
    for number in range(5):
        harness.drop(f"{number}.wav", f"{number}.mp4")
        harness.clock.now += 0.01
    for name in ("5-long", "6"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
        harness.clock.now += 0.01
    harness.run_rounds(service, 12)
    for _ in range(4):
        finish_running(harness, service)
        harness.run_rounds(service, 10)
    assert harness.status().finished[0].length == 4.0
    ready = {name: text.rpartition("in about ")[2] for name, text in told(harness).items()}
    assert ready.keys() == {"5-long", "6"}
    assert "h" in ready["5-long"], ready
    assert "h" in ready["6"], "it waits for the long one"
    texts = told(harness)
    assert texts["5-long"].startswith("starts in about 20 s, ready in about 1 h")
    assert "starts in about" in texts["6"]
    claimed = {each.job.name: each.seconds for each in service._dispatcher.queued_jobs}
    assert claimed["5-long"] == 600.0


def test_a_batch_is_ready_when_its_last_member_is(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.executor.answer = keep_running
    for number in range(4):
        harness.drop(f"{number}.wav", f"{number}.mp4")
        harness.clock.now += 0.01
    harness.run_rounds(service, 8)
    harness.drop_batch("show", *(f"{n}.{kind}" for n in range(3) for kind in ("wav", "mp4")))
    harness.run_rounds(service, 12)
    told = []
    for _ in range(5):
        finish_running(harness, service)
        (batch,) = harness.status().batches
        told.append((len(harness.status().finished), batch.published, batch.estimate))
    assert told == [
        (1, 0, ""),
        (2, 1, ""),  # too little is known
        (3, 1, "ready in about 40 s"),  # one is made, another one waits behind a job of others
        (4, 2, "ready in about 20 s"),
        (5, 2, "ready in about 10 s"),
    ]
    text = (harness.spool.root / "status.txt").read_text()
    assert "show/: 2 of 3 done; now: 2; ready in about 10 s\n" in text
    assert "约 10 秒后完成" in text


def test_a_folder_that_nobody_has_read_starts_when_its_turn_comes(harness: ServiceHarness) -> None:
    """How long it takes nobody knows, and so nothing is said of what follows it."""
    service = harness.service()
    harness.executor.answer = keep_running
    for number in range(5):
        harness.drop(f"{number}.wav", f"{number}.mp4")
        harness.clock.now += 0.01
    harness.run_rounds(service, 8)
    for name in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh"):
        harness.drop_batch(name, "1.wav", "1.mp4")
        harness.run_rounds(service, 4)
    for _ in range(3):
        finish_running(harness, service)
    status = harness.status()
    entries: list[JobStatus | InboxStatus] = [*status.jobs, *status.inbox]
    waiting = sorted(
        (each for each in entries if each.turn is not None), key=lambda each: each.turn or 0
    )
    texts = [each.estimate for each in waiting]
    folder = next(
        n for n, each in enumerate(waiting) if isinstance(each, InboxStatus) and each.is_batch
    )
    assert texts[folder].startswith("starts in about ")
    assert "ready" not in texts[folder]
    assert all(texts[:folder])
    assert not any(texts[folder + 1 :])


def test_a_job_of_unknown_length_has_none_where_the_last_ones_took_very_different_times() -> None:
    alike = Pace(tuple(ended(n, seconds=40.0, length=5.0) for n in range(4)))
    assert alike.tells(0.0)
    known = ((10.0, 5.0), (11.0, 5.0), (600.0, 600.0), (610.0, 600.0))
    various = Pace(tuple(ended(n, seconds=took, length=of) for n, (took, of) in enumerate(known)))
    assert not various.tells(0.0)
    assert various.tells(5.0)
