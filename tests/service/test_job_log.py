"""The log takes a limited number of lines of what becomes of one owner's jobs, and of items that
are set aside."""

from dataclasses import replace

import pytest

from heygem_daemon.events.jobs import JobFailed, JobPublished
from heygem_daemon.service.item_faults import BURST_LINES, ItemFaults
from heygem_daemon.service.job_log import JOB_LINES, LINES_OF_A_JOB, JobLog
from heygem_daemon.spool.job import Job
from tests.fakes.service import ServiceHarness
from tests.service.test_queue import job


def job_of(owner: int) -> Job:
    """Return a job that the user with the number ``owner`` has dropped."""
    plain = job(f"of {owner}")
    return replace(plain, journal=plain.journal.model_copy(update={"owner": owner}))


@pytest.fixture
def job_log(harness: ServiceHarness) -> JobLog:
    return JobLog(harness.clock.monotonic)


def test_a_flood_of_failures_is_counted_and_hides_nobody_else(
    harness: ServiceHarness, job_log: JobLog
) -> None:
    for _ in range(1000):
        job_log.log(JobFailed("no face"), job_of(4001))
    job_log.log(JobFailed("no sound"), job_of(4002))
    job_log.summarise()
    assert harness.logged("failed: no face") == JOB_LINES.burst
    assert harness.logged("failed: no sound") == 1
    left_out = 1000 - JOB_LINES.burst
    assert harness.logged(f"of user 4001 that are not logged one by one: {left_out};") == 1


def test_lines_come_back_with_time(harness: ServiceHarness, job_log: JobLog) -> None:
    for second in range(1000):
        job_log.log(JobFailed("no face"), job_of(4001))
        harness.clock.now += JOB_LINES.seconds_a_line
        assert harness.logged("failed: no face") == second + 1


def test_who_has_jobs_published_is_never_limited(harness: ServiceHarness, job_log: JobLog) -> None:
    for _ in range(1000):
        for _ in range(LINES_OF_A_JOB):
            job_log.log(JobFailed("stands for the claim and the start"), job_of(4001))
        job_log.log_published(JobPublished("talk.mp4", 1.0, 1.0), job_of(4001))
    assert harness.logged("published as talk.mp4") == 1000
    assert harness.logged("stands for") == 1000 * LINES_OF_A_JOB


def test_pairs_that_fail_all_day_leave_the_log_small(harness: ServiceHarness) -> None:
    count = 2 * JOB_LINES.burst
    for number in range(count):
        harness.drop(f"{number}.wav", f"{number}.mp4")
        (harness.spool.inbox / f"{number}.toml").write_text("crf = 99999\n")
    began = harness.clock.now
    service = harness.service()
    assert service.run_once().failed == count
    lines = sum("claimed" in line or "failed:" in line for line in harness.log)
    more = (harness.clock.now - began) / JOB_LINES.seconds_a_line
    assert JOB_LINES.burst <= lines <= JOB_LINES.burst + more + 1 < 2 * count
    assert harness.logged("that are not logged one by one") >= 1


def test_items_that_are_withheld_do_not_fill_the_log(harness: ServiceHarness) -> None:
    faults = ItemFaults(harness.clock.monotonic)
    for number in range(1000):
        error = PermissionError(13, "denied", f"{number}.wav")
        assert faults.log(f"inbox/{number}", error).startswith("The daemon has no permission")
    faults.log("inbox/bug", ValueError("a bug"))
    assert harness.logged("has no permission") == BURST_LINES
    assert harness.logged("inbox/bug: set aside") == 1
    faults.summarise()
    faults.summarise()
    assert harness.logged("are not logged one by one: 950") == 1


def test_bugs_do_not_fill_the_log(harness: ServiceHarness) -> None:
    faults = ItemFaults(harness.clock.monotonic)
    for number in range(1000):
        faults.log(f"inbox/{number}", ValueError("a bug"))
    assert harness.logged("ValueError: a bug") == BURST_LINES
