"""What the top of the page says of all that is below."""

import re

from heygem_daemon.page.forms import exact_time
from heygem_daemon.page.renderer import SHOWN_FAILURES, TEXT_RULE, PageRenderer
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import InboxStatus, JobStatus, Status
from heygem_daemon.report.unlisted import Unlisted
from tests.page.conftest import KEPT, NOW, MakeStatus, failed, published

BEGIN = f"heygem-daemon, {exact_time(NOW)}: "
"""With this begins the text."""

MANY = tuple(published(f"result {number}", number) for number in range(60))
RUNNING = JobStatus(id="1", name="talk", state="running", stage="render", percent=42)


def failures(count: int) -> tuple[object, ...]:
    return tuple(
        failed(f"bad{number}", "Dark.").model_copy(update={"finished": 1e9 - number})
        for number in range(count)
    )


def summary_of(page: str) -> str:
    return page.split('<nav id="summary"')[1].split("</nav>", maxsplit=1)[0]


def test_the_top_says_that_jobs_have_failed_and_leads_to_them(make_status: MakeStatus) -> None:
    status = make_status(state="working", jobs=(RUNNING,), finished=(*MANY, *failures(2)))
    page = PageRenderer().html(status, KEPT)
    summary = summary_of(page)
    assert re.search(r'<a href="#failed" class="bad">.*2 failed.*失败 2 个.*</a>', summary)
    assert page.index('id="summary"') < page.index('<h2 id="failed">')
    assert page.index('<h2 id="failed">') < page.index('<h2 id="results">')
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    first = f"{BEGIN}The daemon is at work. 1 being made, 2 failed, 60 finished\n"
    assert english.startswith(first)
    assert chinese.splitlines()[0].endswith(
        "：服务正在处理任务。正在生成 1 个，失败 2 个，已完成 60 个"
    )
    assert english.index("\nFailed\n") < english.index("\nFinished\n")


def test_each_section_that_lists_something_is_counted(busy: Status) -> None:
    more = Unlisted(jobs=1, inbox=107, attention=2, arriving=4, ready=100, batches=1)
    page = PageRenderer().html(busy.model_copy(update={"unlisted": more}), KEPT)
    counts = dict(re.findall(r'href="#([\w-]+)"[^>]*><span lang="en">(\d+) ', summary_of(page)))
    assert counts == {
        "running": "1",
        "attention": "3",
        "queue": "104",
        "arriving": "5",
        "failed": "1",
        "results": "1",
    }
    for section, count in counts.items():
        heading = page.split(f'<h2 id="{section}">')[1].split("</h2>")[0]
        assert f"<small>{count}</small>" in heading, "the section itself says the same"


def test_where_there_is_nothing_nothing_is_counted(make_status: MakeStatus) -> None:
    status = make_status()
    assert 'id="summary"' not in PageRenderer().html(status, KEPT)
    text = PageRenderer().text(status, KEPT, "en")
    assert text.startswith(f"{BEGIN}The daemon is ready.\n")


def test_a_stopped_daemon_makes_nothing(make_status: MakeStatus) -> None:
    lost = InboxStatus(name="old.rm", reason="is RealMedia", waits_for="attention")
    stopped = make_status(state="stopped", jobs=(RUNNING,), inbox=(lost,))
    page = PageRenderer().html(stopped, KEPT)
    assert "being made" not in summary_of(page)
    assert "1 cannot start" in summary_of(page)
    crashed = PageRenderer().html(stopped.model_copy(update={"state": "working"}), KEPT)
    assert '<a href="#running" class="moving">' in summary_of(crashed), "its script can hide that"


def test_many_failures_do_not_hide_the_results(make_status: MakeStatus) -> None:
    finished = (*MANY, *failures(SHOWN_FAILURES + 3))
    section = PageRenderer().html(make_status(finished=finished), KEPT).split('<h2 id="failed">')[1]
    section = section.split("</section>")[0]
    shown, folded = section.split('<details data-key="failed-before">')
    assert re.findall(r">(bad\d)<", shown) == [f"bad{n}" for n in range(SHOWN_FAILURES)]
    assert re.findall(r">(bad\d)<", folded) == [f"bad{SHOWN_FAILURES + n}" for n in range(3)]
    assert "3 that failed before" in folded
    few = PageRenderer().html(make_status(finished=failures(SHOWN_FAILURES)), KEPT)
    assert "failed-before" not in few


def test_a_batch_of_which_nothing_waits_is_not_among_what_waits(make_status: MakeStatus) -> None:
    batch = BatchStatus(
        id="b",
        name="lesson",
        dropped_as="lesson",
        members=6,
        published=4,
        failed=0,
        now=("talk", "f"),
    )
    other = JobStatus(id="2", name="f", state="running")
    status = make_status(state="working", jobs=(RUNNING, other), batches=(batch,))
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    assert english.startswith(f"{BEGIN}The daemon is at work. 2 being made\n")
    made = english.partition("Being made at ")[2].partition("\n\n")[0]
    assert "  lesson/: 4 of 6 done; now: talk, f\n" in f"{made}\n"
    assert english.count("lesson/") == 1
    assert "等待" not in chinese.splitlines()[0]
    page = PageRenderer().html(status, KEPT)
    assert "waiting" not in summary_of(page)
    assert "lesson/" in page.split('<h2 id="running">')[1].split("</section>")[0]
    more = batch.model_copy(update={"members": 7})
    first = PageRenderer().text(status.model_copy(update={"batches": (more,)}), KEPT, "en")
    assert first.startswith(f"{BEGIN}The daemon is at work. 2 being made, 1 waiting\n")


def test_the_hint_to_retry_says_when_it_cannot_help(make_status: MakeStatus) -> None:
    status = make_status(finished=failures(1))
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    assert "that fails again: drop the corrected sound and video together instead" in english
    assert "重试仍会失败" in chinese
    assert "that fails again" in PageRenderer().html(status, KEPT)


def test_one_of_a_kind_is_counted_in_chinese_as_several_are(make_status: MakeStatus) -> None:
    """Between "等待中 2 个" and "已完成 3 个" stood "1 个失败"."""
    status = make_status(finished=(failed("bad", "No face."), published("good")))
    first, *_ = PageRenderer().text(status, KEPT, "zh").splitlines()
    assert first.endswith("失败 1 个，已完成 1 个")
