"""When waiting jobs start and are ready."""

from itertools import islice

import pytest

from heygem_daemon.report.status import InboxStatus, JobStatus
from heygem_daemon.service.estimates import Estimate, estimate, find_pace
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_hot_folders import drop_in


@pytest.mark.parametrize(
    ("seconds", "pace"),
    [
        ([], None),
        ([60, 60], None),
        ([60, 0, 0, 60], None),  # of jobs before a restart the time is not known
        ([60, 90, 120], 90),
        ([100] * 25, 100),
        ([10, 10, 10, 500, 500, 500], None),
        ([100, 100, 100, 100, 100, 100, 5000], 100),
    ],
)
def test_the_pace_is_that_of_the_last_jobs(seconds: list[float], pace: float | None) -> None:
    assert find_pace(seconds) == pace


def test_each_job_takes_the_first_device_that_is_free() -> None:
    found = [(each.starts, each.ready) for each in islice(estimate([30, 100], 60), 4)]
    assert found == [(30, 90), (90, 150), (100, 160), (150, 210)]


@pytest.mark.parametrize(
    ("starts", "ready", "text"),
    [
        (20, 80, "starts soon, ready in about 1 min"),
        (700, 890, "starts in about 12 min, ready in about 15 min"),
        (1250, 1500, "starts in about 20 min, ready in about 25 min"),
        (7000, 9000, "starts in about 1 h 55 min, ready in about 2 h 30 min"),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_can_be(
    starts: float, ready: float, text: str
) -> None:
    assert Estimate(starts, ready).text == text


def test_waiting_jobs_have_one_once_some_have_been_made(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.executor.answer = keep_running
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
    assert sorted(told()) == ["4", "5"]
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
