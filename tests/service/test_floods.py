"""However many files somebody drops, log and status stay small."""

import itertools
import unicodedata

import pytest

from heygem_daemon.report.status import InboxStatus
from heygem_daemon.report.status_file import MAX_LISTED, shorten
from heygem_daemon.service.claims import MAX_LOGGED_FILES
from heygem_daemon.service.line_budget import SUMMARY_SECONDS
from heygem_daemon.service.notice_log import (
    BURST_LINES,
    SECONDS_A_LINE,
    NoticeLog,
)
from heygem_daemon.service.notices import InboxNotice
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness

STATUS_BYTES = 200_000
LOG_BYTES = 100_000


def spellings(name: str, count: int) -> list[str]:
    """Return different names that are equal to people: each letter composed or decomposed."""
    forms = [(letter, unicodedata.normalize("NFD", letter)) for letter in name]
    return ["".join(each) for each in itertools.islice(itertools.product(*forms), count)]


def sizes(harness: ServiceHarness) -> tuple[int, int]:
    status = (harness.spool.state / "status.json").stat().st_size
    return status, sum(len(line.encode()) for line in harness.log)


@pytest.mark.parametrize("count", [600, 1500])
def test_many_spellings_of_one_name(harness: ServiceHarness, count: int) -> None:
    names = spellings("éàüöñçâêîôû", count)
    assert len(set(names)) == count
    harness.drop(*(f"{name}.wav" for name in names))
    service = harness.service()
    harness.run_rounds(service, 20)
    status, log = sizes(harness)
    assert status < STATUS_BYTES
    assert log < LOG_BYTES
    # One reason for all, which names three of them.
    assert harness.logged(f"and {count - 3} more); rename them") == 4
    assert "cannot be paired" in harness.status().inbox[0].reason


def test_many_files_of_a_format_that_cannot_be_read(harness: ServiceHarness) -> None:
    harness.drop(*(f"{number:04d} {'é' * 100}.braw" for number in range(2000)))
    service = harness.service()
    harness.run_rounds(service, 60)
    status, log = sizes(harness)
    assert status < STATUS_BYTES
    assert log < LOG_BYTES
    assert harness.logged("warnings about the inbox that are not logged one by one: 1980;") == 1
    shown = harness.status()
    assert len(shown.inbox) + shown.unlisted.inbox == 2000


def test_many_pairs_and_batches_that_wait(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    for number in range(300):
        harness.drop(f"pair {number}.wav", f"pair {number}.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    shown = harness.status()
    assert len(shown.inbox) <= MAX_LISTED
    assert len(shown.jobs) + len(shown.inbox) + shown.unlisted.inbox == 300


def test_a_file_that_comes_and_goes_is_not_logged_for_ever(harness: ServiceHarness) -> None:
    warnings = NoticeLog()
    notice = InboxNotice("notes.docx", "is no media", is_warning=True)
    hours = 24
    for second in range(0, hours * 3600, 2):
        warnings.log([notice] if second % 4 else [], float(second))
    lines = BURST_LINES + hours * 3600 / SECONDS_A_LINE + hours * 3600 / SUMMARY_SECONDS
    assert len(harness.log) <= lines + 1


def test_lists_of_the_status_are_cut_by_number_and_by_size() -> None:
    short = [InboxStatus(name=str(number), reason="waits") for number in range(500)]
    long = [InboxStatus(name=str(number), reason="\u0001" * 1000) for number in range(100)]
    listed, more = shorten(short)
    assert (len(listed), more) == (MAX_LISTED, 300)
    listed, more = shorten(long)
    assert 5 < len(listed) < 15
    assert len(listed) + more == 100


def test_a_batch_with_hundreds_of_useless_files_is_one_line_in_the_log(
    harness: ServiceHarness,
) -> None:
    folder = harness.drop_batch("show", "a.wav", "a.mp4")
    for number in range(500):
        (folder / f"{number}.wav").symlink_to("a.wav")
    service = harness.service()
    harness.run_rounds(service, 60)
    assert (harness.spool.outbox / "show" / "a.mp4").exists()
    assert harness.logged("it is not used") == MAX_LOGGED_FILES
    assert harness.logged("and more: of 500 files nothing is made") == 1


def test_a_folder_of_thousands_of_useless_files_is_no_batch(harness: ServiceHarness) -> None:
    harness.configure(max_batch_members=10)
    names = [f"{number}.x" for number in range(1001)]
    harness.drop_batch("show", "a.wav", "a.mp4", *names)
    service = harness.service()
    harness.run_rounds(service, 60)
    reasons = {each.name: each.reason for each in harness.status().inbox}
    assert "is a folder with 1003 files, of which 2 are audio and video" in reasons["show"]


def test_a_folder_of_thousands_of_hidden_files_is_no_batch(harness: ServiceHarness) -> None:
    harness.configure(max_batch_members=10)
    names = [f".{number}" for number in range(1001)]
    harness.drop_batch("show", "a.wav", "a.mp4", *names)
    service = harness.service()
    harness.run_rounds(service, 60)
    reasons = {each.name: each.reason for each in harness.status().inbox}
    assert "is a folder with 1003 files, of which 2 are audio and video" in reasons["show"]
