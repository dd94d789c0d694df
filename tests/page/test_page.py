"""The status page as text, and when it is written."""

import errno
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from heygem_daemon.config.folders import FolderProfile, HotFolder
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.page.ended import Result
from heygem_daemon.page.forms import address_of, exact_time, local_time
from heygem_daemon.page.renderer import HTML_NAME, TEXT_NAME, TEXT_RULE, PageRenderer
from heygem_daemon.page.view import build_view
from heygem_daemon.page.writer import KEEPALIVE_SECONDS, LEAST_SECONDS, PageWriter
from heygem_daemon.report.backlog import Backlog
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status import DeviceStatus, InboxStatus, JobStatus, Status
from heygem_daemon.report.unlisted import Unlisted
from heygem_daemon.service.notices import BEING_EXAMINED
from heygem_daemon.system import paths
from tests.page.conftest import FOR_EVER, KEPT, NOW, MakeStatus, failed, published

MANY = 1000
OLD = "If this time is more than a minute ago, the daemon is not running"


class Elements(HTMLParser):
    """The elements of a page, and its addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "poster"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


def test_names_and_reasons_are_text_and_lead_nowhere(busy: Status) -> None:
    page = Elements(PageRenderer().html(busy, KEPT))
    assert page.handlers == []
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert all(each.startswith(("./outbox/", "./failed/", "#")) for each in page.addresses)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("outbox/talk.mp4", "./outbox/talk.mp4"),
        ("outbox/a b#c?d%.mp4", "./outbox/a%20b%23c%3Fd%25.mp4"),
        ("outbox/新品.mp4", "./outbox/%E6%96%B0%E5%93%81.mp4"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//host/../../x", "./host/x"),
    ],
)
def test_an_address_leads_below_the_page(name: str, address: str) -> None:
    assert address_of(name) == address


def test_everything_is_on_the_page_in_both_languages(busy: Status) -> None:
    page = PageRenderer().html(busy, KEPT)
    for text in ("42 %", "3 min left", "28.1 frames a second", "drawing the mouth", "is RealMedia"):
        assert text in page
    for text in ("正在生成", "等待队列", "无法开始", "正在绘制口型", "每秒 28.1 帧", "前后对比"):
        assert text in page
    for text in ("剩余 3 分钟", "等待处理", "等待处理，优先级 5"):
        assert text in page
    assert page.index("新品发布") < page.index("waits for its turn, priority 5")


def test_each_entry_has_its_place(busy: Status) -> None:
    view = build_view(busy, KEPT)
    assert [each.name for each in view.queue] == ["新品发布", "b"]
    assert [each.name for each in view.attention] == ["old.rm"]
    assert len(view.arriving) == len(view.results) == len(view.failures) == 1
    (result,) = view.results
    assert isinstance(result, Result)
    assert result.report == "./outbox/demo.json"
    assert build_view(busy, FOR_EVER).results[0].deleted == ""


def test_a_mistake_in_a_sidecar_comes_with_what_to_write(busy: Status) -> None:
    mistake = InboxStatus(
        name="talk.toml",
        reason='talk.toml, line 1: unknown key "fce"; did you mean "face"?',
        waits_for="attention",
        remedy='Write: face = "left". Correct or remove this file.',
    )
    status = busy.model_copy(update={"inbox": (mistake,)})
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    assert f"  talk.toml: {mistake.reason}\n    {mistake.remedy}\n" in english
    assert '请写：face = "left"。请更正或删除此文件。\n' in chinese
    page = PageRenderer().html(status, KEPT)
    assert "请写：face = &#34;left&#34;。请更正或删除此文件。" in page
    assert "Drop what is missing" not in page


def test_each_part_says_how_many_more_there_are(busy: Status) -> None:
    more = Unlisted(jobs=1, inbox=107, attention=2, arriving=4, ready=100, batches=1)
    status = busy.model_copy(update={"unlisted": more})
    page = PageRenderer().html(status, KEPT)
    for part, count, listed in (("attention", 2, 1), ("queue", 102, 2), ("arriving", 4, 1)):
        section = page.split(f'<h2 id="{part}">')[1].split("</section>")[0]
        assert f"<small>{listed + count}</small>" in section
        assert f"and {count} more" in section
        assert f"另有 {count} 项" in section
    text = PageRenderer().text(status, KEPT, "en")
    for part, count in (("Cannot start", 2), ("Waiting, in", 102), ("In the inbox, not", 4)):
        assert f"and {count} more" in text.split(part)[1].split("\n\n")[0]
    assert not re.search(r"and \d+ more", PageRenderer().text(busy, KEPT, "en"))


def test_the_next_one_comes_first_and_what_rests_has_no_place(make_status: MakeStatus) -> None:
    def ready(name: str, **fields: object) -> InboxStatus:
        entry = InboxStatus(name=name, reason="is complete", waits_for="turn")
        return entry.model_copy(update=fields)

    status = make_status(
        jobs=(JobStatus(id="1", name="claimed", state="queued", turn=2),),
        batches=(
            BatchStatus(
                id="b", name="show", dropped_as="show", members=3, published=1, failed=0, turn=1
            ),
        ),
        inbox=(ready("night/a", waits_for="hours", turn=3), ready("hurried", turn=0)),
    )
    lines = PageRenderer().text(status, KEPT, "en").split("Waiting, in this order\n")[1]
    assert [line.split(":")[0].strip() for line in lines.splitlines()[:4]] == [
        "1. hurried",
        "2. show/",
        "3. claimed",
        "night/a",
    ]
    page = PageRenderer().html(status, KEPT)
    queue = page.split('<h2 id="queue">')[1].split("</ol>")[0]
    names = re.findall(r'<span class="name">([^<]+)<', queue)
    assert names == ["1. hurried", "2. show/", "3. claimed", "night/a"]


def test_a_pair_is_one_line_and_nothing_is_said_twice(make_status: MakeStatus) -> None:
    pair = [
        InboxStatus(name=name, reason="it is new", waits_for="upload", remedy="Wait.")
        for name in ("talk.wav", "talk.mp4")
    ]
    page = PageRenderer().html(make_status(inbox=tuple(pair)), KEPT)
    arriving = page.split('<h2 id="arriving">')[1].split("</section>")[0]
    assert arriving.count("<li>") == arriving.count("it is new") == arriving.count("Wait.") == 1
    assert '<span class="name">talk.wav, talk.mp4</span>' in arriving
    assert "<small>1</small>" in arriving, "what is listed is counted"
    text = PageRenderer().text(make_status(inbox=tuple(pair)), KEPT, "en")
    assert "  talk.wav, talk.mp4: it is new\n    Wait.\n" in text
    assert text.count("starts by itself when it is complete") == 1
    assert "starts by itself" not in PageRenderer().text(make_status(), KEPT, "en")


def test_the_text_of_a_stopped_daemon_says_since_when(make_status: MakeStatus) -> None:
    text = PageRenderer().text(make_status(state="stopped"), KEPT, "en")
    assert f"The daemon has not been running since {exact_time(NOW)}." in text
    assert "more than a minute ago" not in text


def test_a_remark_has_the_signs_of_its_language(busy: Status) -> None:
    left = InboxStatus(name="script.docx", reason="is a text, which is not read aloud")
    status = busy.model_copy(update={"inbox": (*busy.inbox, left)})
    text = PageRenderer().text(status, replace(KEPT, folder="anna"))
    english, chinese = text.split(TEXT_RULE)
    first = {english: f" (anna), {exact_time(NOW)}: ", chinese: f"（anna），{exact_time(NOW)}："}
    for page, begin, end in ((english, "(", ")"), (chinese, "（", "）")):
        remarks = [line for line in page.splitlines() if line.startswith(f"  {begin}")]
        assert len(remarks) == 3
        assert all(line.endswith(end) for line in remarks)
        assert page.startswith(f"heygem-daemon{first[page]}")


def test_no_chinese_line_ends_with_half_a_word(busy: Status) -> None:
    """The end of a word stood alone on the line below the time of the deletion."""
    page = PageRenderer().html(busy, KEPT)
    assert re.search(r'<span lang="zh">删除时间：[\d -]+:\d\d \w+</span>', page)
    assert "text-wrap: pretty" in page


def test_the_text_says_the_same(busy: Status) -> None:
    text = PageRenderer().text(busy, KEPT)
    english, chinese = text.split(TEXT_RULE)
    assert "1. 新品发布: waits for its turn\n" in english
    assert "Failed\n  bad <img" in english
    assert "1. 新品发布：等待处理\n" in chinese
    assert "失败\n  bad <img" in chinese
    assert "剩余 3 分钟" in chinese
    assert PageRenderer().text(busy, KEPT, "zh") == chinese
    assert PageRenderer().text(busy, KEPT, "en") == english


def test_the_text_has_the_speed_and_the_machine_too(busy: Status) -> None:
    devices = (
        DeviceStatus(name="H200", label="H200 #0", jobs=("talk",)),
        DeviceStatus(name="H200", label="H200 #1", fault="GPU 1 is lost"),
        DeviceStatus(name="CPU", label="CPU"),
    )
    status = busy.model_copy(update={"devices": devices})
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    assert "42 %, 3 min left, 28.1 frames a second; CPU\n" in english
    assert english.endswith(
        "The machine\n  H200 #0: talk\n  H200 #1: GPU 1 is lost\n  CPU: free\n"
        "  Free space: 5.0 GB\n  Files are kept for: 7 days\n"
    )
    assert "每秒 28.1 帧" in chinese
    assert "空闲" in chinese
    folder = replace(KEPT, folder="anna")
    assert "H200 #0: at work\n" in PageRenderer().text(status, folder, "en")


def test_a_page_of_a_thousand_jobs_is_small(make_status: MakeStatus) -> None:
    jobs = tuple(
        JobStatus(id=str(number), name=f"a long name of a job {number:04d}", state="queued")
        for number in range(MANY // 2)
    )
    finished = tuple(published(f"result {number:04d}", number) for number in range(MANY // 2))
    page = PageRenderer().html(make_status(jobs=jobs, finished=finished), KEPT)
    assert page.count(">result 0499<") == 1
    assert len(page.encode()) < 500_000


def test_a_page_is_written_at_once_then_at_intervals(
    tmp_path: Path, make_status: MakeStatus
) -> None:
    writer = PageWriter(tmp_path, PageRenderer())
    page = tmp_path / HTML_NAME

    def is_written(status: Status, now: float) -> bool:
        page.unlink(missing_ok=True)
        writer.write(status, 7.0, now)
        return page.exists()

    idle, working = make_status(), make_status(state="working")
    assert is_written(idle, 0.0)
    assert not is_written(idle, LEAST_SECONDS + 1)
    assert is_written(working, LEAST_SECONDS + 2)
    assert not is_written(idle, LEAST_SECONDS + 3)
    assert is_written(idle, 2 * LEAST_SECONDS + 2)
    assert is_written(idle, 2 * LEAST_SECONDS + 2 + KEEPALIVE_SECONDS)
    assert is_written(make_status(state="stopped"), 2 * LEAST_SECONDS + 2.1 + KEEPALIVE_SECONDS)
    assert (tmp_path / TEXT_NAME).read_text().count("not running") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == [HTML_NAME, TEXT_NAME]


def test_what_people_have_deleted_is_not_listed(tmp_path: Path, make_status: MakeStatus) -> None:
    finished = (published("kept"), published("plain"), published("gone"), failed("bad", "Dark."))
    for name in ("outbox/kept.mp4", "outbox/kept.png", "outbox/plain.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    PageWriter(tmp_path, PageRenderer()).write(make_status(finished=finished), 7.0, 0.0)
    page = (tmp_path / HTML_NAME).read_text()
    assert "kept.mp4" in page
    assert "kept.png" in page
    assert "plain.mp4" in page
    assert "plain.png" not in page, "a result without a picture has no link to it"
    assert "gone" not in page
    assert "Dark." not in page


def test_nobody_but_the_daemon_can_write_the_page(tmp_path: Path, make_status: MakeStatus) -> None:
    before = os.umask(0o002)
    try:
        PageWriter(tmp_path, PageRenderer()).write(make_status(), 7.0, 0.0)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (HTML_NAME, "status.txt")}
    assert modes == {0o644}


def test_a_page_that_takes_long_to_make_is_made_less_often(
    tmp_path: Path, make_status: MakeStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PageWriter(tmp_path, PageRenderer())
    times = iter([0.0, 0.05, 1.0, 1.05])
    monkeypatch.setattr("heygem_daemon.page.writer.time.thread_time", lambda: next(times))
    writer.write(make_status(), 7.0, 0.0)
    before = (tmp_path / HTML_NAME).stat().st_ino
    writer.write(make_status(state="working"), 7.0, 4.0)
    assert (tmp_path / HTML_NAME).stat().st_ino == before
    writer.write(make_status(state="working"), 7.0, 5.0)
    assert (tmp_path / HTML_NAME).stat().st_ino != before


def test_a_link_in_the_place_of_the_page_is_not_followed(
    tmp_path: Path, make_status: MakeStatus
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("private")
    (tmp_path / HTML_NAME).symlink_to(outside)
    PageWriter(tmp_path, PageRenderer()).write(make_status(), 7.0, 0.0)
    assert outside.read_text() == "private"
    assert not (tmp_path / HTML_NAME).is_symlink()


@pytest.mark.parametrize("name", [HTML_NAME, TEXT_NAME, f".{TEXT_NAME}.tmp"])
def test_a_folder_in_the_place_of_one_file_keeps_the_other_no_longer(
    tmp_path: Path, make_status: MakeStatus, name: str
) -> None:
    (place := tmp_path / name).mkdir()
    writer = PageWriter(tmp_path, PageRenderer())
    writer.write(make_status(), 7.0, 0.0)
    blocked = HTML_NAME if name == HTML_NAME else TEXT_NAME
    assert [*writer.faults] == [blocked]
    assert {each.name for each in tmp_path.iterdir()} == {name, HTML_NAME, TEXT_NAME} - (
        {blocked} - {name}
    )
    place.rmdir()
    writer.write(make_status(), 7.0, KEEPALIVE_SECONDS)
    assert sorted(each.name for each in tmp_path.iterdir()) == [HTML_NAME, TEXT_NAME]
    assert writer.faults == {}


def test_a_full_disk_leaves_the_old_page(
    tmp_path: Path, make_status: MakeStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PageWriter(tmp_path, PageRenderer())
    writer.write(make_status(), 7.0, 0.0)
    before = (tmp_path / HTML_NAME).read_text()

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(paths, "write", fail)
    writer.write(make_status(state="working"), 7.0, 10.0)
    assert {str(each) for each in writer.faults.values()} == {"[Errno 28] No space left on device"}
    assert set(writer.faults) == {HTML_NAME, TEXT_NAME}
    assert (tmp_path / HTML_NAME).read_text() == before


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_the_page_begins_in_the_language_of_the_setting(
    make_status: MakeStatus, language: LanguageSetting
) -> None:
    page = PageRenderer().html(make_status(), KEPT, language)
    assert f'<html lang="{"zh" if language == "zh" else "en"}" data-shown="{language}"' in page
    assert page.count("data-language=") == 2


def test_a_failed_job_links_its_folder(make_status: MakeStatus) -> None:
    page = PageRenderer().html(make_status(finished=(failed("talk", "No face."),)), KEPT)
    assert '<a href="./failed/talk/">failed/talk</a>' in page


def test_the_page_of_a_stopped_daemon_says_what_was_being_made(busy: Status) -> None:
    page = PageRenderer().html(busy.model_copy(update={"state": "stopped"}), KEPT)
    assert '<span id="made" hidden>' in page
    assert '<span id="was-made">' in page
    assert 'class="moving" hidden>' in page
    assert 'class="moving">' in PageRenderer().html(busy, KEPT)
    text = PageRenderer().text(busy.model_copy(update={"state": "stopped"}), KEPT, "en")
    assert "Was being made" in text


def test_a_text_that_nobody_writes_any_more_says_when_it_was_true(busy: Status) -> None:
    """After a crash "42 %, 3 min left" stood there for days below "Being made now"."""
    english, chinese = PageRenderer().text(busy, KEPT).split(TEXT_RULE)
    then = exact_time(NOW)
    first, second, *_ = english.splitlines()
    assert first.startswith(f"heygem-daemon, {then}: The daemon is at work. 1 being made")
    assert re.search(r" \d\d:\d\d:\d\d ", then), "a reader who looks twice sees that it goes on"
    assert second == f"{OLD}, and all of the following is as it was then."
    assert f"\nBeing made at {then}\n  talk " in english
    assert f"\n正在生成（{then}）\n" in chinese
    assert "以下内容是当时的情况。" in chinese
    stopped = PageRenderer().text(busy.model_copy(update={"state": "stopped"}), KEPT)
    for figure in ("3 min left", "frames a second", "剩余 3 分钟", "每秒"):
        assert figure not in stopped
    page = PageRenderer().html(busy, KEPT)
    (figures,) = re.findall(r'<span class="foreseen"> · .*28\.1 frames a second', page)
    assert figures, "its script hides what is true of a running job alone"


def test_page_and_text_say_who_dropped_a_job(make_status: MakeStatus) -> None:
    counts = {"members": 2, "published": 1, "failed": 0}
    jobs = (
        JobStatus(id="1", name="runs", state="running"),
        JobStatus(id="2", name="waits", state="queued"),
    )
    ended = published("done"), failed("bad", "No face.")
    old = {"id": "e", "name": "old", "path": "outbox/old", "finished": NOW, **counts}
    show = {"id": "b", "name": "show", "dropped_as": "show", **counts}
    anna = {"dropped_by": "anna"}
    status = make_status(
        jobs=tuple(each.model_copy(update=anna) for each in jobs),
        inbox=({"name": "ready", "reason": "", "waits_for": "turn", **anna},),
        batches=({**show, **anna},),
        finished=tuple(each.model_copy(update=anna) for each in ended),
        finished_batches=({**old, **anna},),
    )
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    for name in ("runs", "waits", "ready", "show/", "old/", "done", "bad"):
        assert f" {name} (dropped by anna): " in english
        assert f" {name}（anna 放入）：" in chinese
    page = PageRenderer().html(status, KEPT)
    assert page.count('<span lang="en">dropped by anna</span><span lang="zh">anna 放入</span>') == 7


def test_the_page_says_who_dropped_files_and_requests(make_status: MakeStatus) -> None:
    """Of jobs alone it said so, and 'no job of yours' on a page that all read means nobody."""
    waits = {"look": "seen.wav", "partner": "lone.wav", "attention": "old.rm", None: "notes.pdf"}
    status = make_status(
        inbox=tuple(
            {"name": name, "reason": "is new", "waits_for": kind, "dropped_by": "anna"}
            for kind, name in waits.items()
        ),
        requests=({"name": "talk.cancel", "text": "is done", "at": NOW, "dropped_by": "anna"},),
    )
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    for name in waits.values():
        assert f"  {name} (dropped by anna): is new" in english
        assert f"  {name}（anna 放入）：is new" in chinese
    assert f"  talk.cancel (asked by anna), {local_time(NOW)}: is done" in english
    assert f"  talk.cancel（anna 提出），{local_time(NOW)}：is done" in chinese
    page = PageRenderer().html(status, KEPT)
    assert page.count('<span lang="en">dropped by anna</span>') == len(waits)
    assert page.count('<span lang="en">asked by anna</span><span lang="zh">anna 提出</span>') == 1
    own = PageRenderer().html(status, replace(KEPT, folder="anna"))
    assert "by anna" not in own


def test_the_page_shows_the_warning_of_a_result(make_status: MakeStatus) -> None:
    """A silent sound was known to the report alone."""
    silent = "The audio is silent: there is nothing to speak."
    warned = {"warning": silent}
    batch = {"batch": "show", "batch_id": "b"}
    jobs = (
        published("talk").model_copy(update=warned),
        published("a", folder="outbox/show").model_copy(update=warned | batch),
        published("fine"),
    )
    renderer = PageRenderer()
    english, chinese = renderer.text(make_status(finished=jobs), KEPT).split(TEXT_RULE)
    assert f"talk.png\n    {silent}\n" in english
    assert f"a.png\n      {silent}\n" in english
    assert chinese.count("音频没有声音，没有可说的内容。\n") == english.count(silent) == 2
    assert renderer.html(make_status(finished=jobs), KEPT).count(silent) == 2


def test_the_text_names_what_lies_beside_a_result(make_status: MakeStatus) -> None:
    member = published("a", folder="outbox/show").model_copy(
        update={"batch": "show", "batch_id": "b"}
    )
    status = make_status(finished=(published("talk"), member))
    english, chinese = PageRenderer().text(status, FOR_EVER).split(TEXT_RULE)
    assert "; outbox/talk.mp4; report: talk.json; before and after: talk.png\n" in english
    assert "；outbox/talk.mp4；报告：talk.json；前后对比：talk.png\n" in chinese
    assert "    outbox/show/a.mp4; report: a.json; before and after: a.png\n" in english
    finished = english.split("\nFinished\n")[1].split("\n\nHow it works")[0]
    assert len(finished.splitlines()) == 3, "no line of it is empty"
    without = replace(KEPT, is_there=lambda path: path.endswith(".mp4"))
    assert "report" not in PageRenderer().text(status, without, "en").split("Finished")[1][:90]


def test_nothing_stands_between_two_chinese_sentences(busy: Status) -> None:
    for status in (busy, busy.model_copy(update={"state": "stopped", "hold": "The disk is full."})):
        page = PageRenderer().html(status, KEPT).split("<body>")[1]
        chinese = re.sub(r"<[^>]*>", "", re.sub(r'<span lang="en">.*?</span>', "", page))
        assert re.findall(r".{9}[，。；：？！）] .{9}", chinese) == []


def test_what_is_left_alone_is_counted_by_its_files(make_status: MakeStatus) -> None:
    left = tuple(InboxStatus(name=name, reason="is empty") for name in ("a.wav", "b.wav"))
    view = build_view(make_status(inbox=left), KEPT)
    assert (len(view.left_alone), view.left_alone_count) == (1, 2)


def test_what_is_complete_and_examined_is_not_called_incomplete(make_status: MakeStatus) -> None:
    pair = tuple(
        InboxStatus(name=f"talk.{suffix}", reason=BEING_EXAMINED, waits_for="look")
        for suffix in ("wav", "mp4")
    )
    text = PageRenderer().text(make_status(inbox=pair), KEPT, "en")
    assert "\nIn the inbox, being looked at\n  talk.wav, talk.mp4: what it holds is being" in text
    assert ": The daemon is ready. 1 being looked at\n" in text


def test_where_the_daemon_has_died_the_page_says_no_more_why_a_job_waits(busy: Status) -> None:
    """ "The CPU's 2 workers are busy" stood there for days."""
    page = PageRenderer().html(busy, KEPT)
    queue = page.split('<h2 id="queue">')[1].split("</section>")[0]
    assert queue.count('<span class="foreseen"><span lang="en">waits for its turn') == 2


def test_a_request_has_its_time_in_the_text_too(make_status: MakeStatus) -> None:
    request = RequestStatus(name="talk.cancel", text="talk is cancelled", at=NOW - 120)
    text = PageRenderer().text(make_status(requests=(request,)), KEPT, "en")
    assert f"\n  talk.cancel, {local_time(NOW - 120)}: talk is cancelled\n" in text


def test_many_answers_to_requests_do_not_push_the_results_away(make_status: MakeStatus) -> None:
    asked = tuple(
        RequestStatus(name=f"{number}.cancel", text="is cancelled", at=NOW) for number in range(9)
    )
    page = PageRenderer().html(make_status(requests=asked), KEPT)
    shown, opened = page.split('<details data-key="requests-before">')
    assert "4.cancel" in shown
    assert "5.cancel" not in shown
    assert "4 asked before" in opened
    assert "8.cancel" in opened


def test_one_job_that_waits_after_a_fault_keeps_no_other_from_starting(
    make_status: MakeStatus,
) -> None:
    """ "Nothing starts at the moment" was said of all."""
    job = JobStatus(id="1", name="talk", state="deferred", reason="the disk is full", retry_at=NOW)
    alone = make_status(
        state="holding",
        hold="the disk is full",
        jobs=(job,),
        backlog=Backlog(pairs={"pause": 1}, claimed={"pause": 1}),
    )
    for page in (PageRenderer().html(alone, KEPT), PageRenderer().text(alone, KEPT)):
        assert "Nothing starts" not in page
        assert "The daemon is ready." in page
        assert "because the disk is full" in page
    two = alone.model_copy(update={"backlog": Backlog(claimed={"pause": 2})})
    other = alone.model_copy(update={"hold": "GPU 0 is lost"})
    for status in (two, other):
        text = PageRenderer().text(status, KEPT, "en")
        assert f"Nothing starts at the moment: {status.hold}\n" in text
        assert "The daemon waits." in text


def test_an_empty_page_says_how_to_begin_and_what_can_be_asked(make_status: MakeStatus) -> None:
    docx = InboxStatus(name="script.docx", reason="not used: texts are not read aloud")
    for status in (make_status(), make_status(inbox=(docx,))):
        html, text = PageRenderer().html(status, KEPT), PageRenderer().text(status, KEPT)
        for page in (html, text):
            for wanted in (
                "Put a sound, such as hello.wav, and a video or a photograph of a face",
                "into the folder inbox/.",
                "请把一段音频（如 hello.wav）和一个同名的人脸视频或照片",
                "hello.cancel stops it",
                "hello.remove deletes it with its result and its files",
                "hello.加急：排到您的其他任务之前",
                "For many at once, put a folder with several sounds and videos into inbox/:",
                "A text file hello.toml beside them sets options, one a line",
                "即可设置选项，每行一个",
            ):
                assert wanted in page
        assert html.index("How to begin") < html.index("Being made now")
        assert text.index("How to begin") < text.index("Being made at")
        assert "How it works" not in html + text


def test_the_page_lists_all_options_and_the_inboxes_of_hot_folders(
    make_status: MakeStatus,
) -> None:
    small = HotFolder("preview", FolderProfile(max_height=480, face="left", max_priority=3))
    folders = replace(KEPT, hot_folders=(small, HotFolder("anna")))
    text, html = (
        make(make_status(), folders) for make in (PageRenderer().text, PageRenderer().html)
    )
    for key in JobOptions.model_fields:
        assert f"\n    {key} = " in text
    options = 'inbox/preview: face = "left", max_height = 480'
    assert f"in outbox/:\n    inbox/anna\n    {options}\n" in text
    assert f"文件夹中：\n    inbox/anna\n    {options}\n" in text
    assert f"<li><code>{escape(options)}</code></li>" in html
    for standpoint in (KEPT, replace(KEPT, folder="anna")):
        assert "one of these folders" not in PageRenderer().text(make_status(), standpoint)
    many = tuple(HotFolder(f"team {number}") for number in range(100))
    text = PageRenderer().text(make_status(), replace(KEPT, hot_folders=many), "en")
    assert "    inbox/team 0\n" in text
    assert text.count("inbox/team ") == 10
    assert "    …\n" in text
    assert len(text) < 4000


def test_later_the_same_is_at_the_end(busy: Status) -> None:
    html, text = PageRenderer().html(busy, KEPT), PageRenderer().text(busy, KEPT)
    assert "How to begin" not in html + text
    assert '<details data-key="help">' in html[html.index('aria-labelledby="failed"') :]
    english = text.split(TEXT_RULE)[0]
    assert english[english.index("How it works") :].count("hello.retry makes it again") == 1


def test_where_no_request_counts_none_is_named(make_status: MakeStatus) -> None:
    standpoint = replace(KEPT, folder="anna", heeds_requests=False)
    text = PageRenderer().text(make_status(), standpoint)
    assert "into the folder inbox/anna (my-inbox)." in text
    assert "shares of your own for this folder, they are called my-inbox and my-outbox." in text
    assert "共享，其名称为 my-inbox 和 my-outbox。" in text
    assert "appears beside this page, and on it." in text
    assert "hello.cancel" not in text
    assert "hello.取消" not in text


def test_a_hot_folder_s_page_names_the_options_of_its_profile(make_status: MakeStatus) -> None:
    line = 'max_height = 480, face = "left"'
    standpoint = replace(KEPT, folder="vertical", option_line=line)
    renderer = PageRenderer()
    text, html = renderer.text(make_status(), standpoint), renderer.html(make_status(), standpoint)
    assert f"unless a text file beside it sets others: {line}\n" in text
    assert f"以该文件为准）：{line}\n" in text
    assert html.count(str(escape(line))) == 2
    assert "sets others" not in renderer.text(make_status(), replace(standpoint, option_line=""))


def test_a_failure_comes_with_what_to_do(make_status: MakeStatus) -> None:
    first = failed("a", "There is no face.").model_copy(update={"remedy": "Show one."})
    shared = {"batch": "show", "batch_id": "b", "path": "failed/show/1"}
    other = failed("show/2", "There is no sound.").model_copy(
        update=shared | {"remedy": "Record one.", "path": "failed/show/2"}
    )
    jobs = (first, first.model_copy(update=shared | {"id": "1"}), other)
    html = PageRenderer().html(make_status(finished=jobs), KEPT)
    text = PageRenderer().text(make_status(finished=jobs), KEPT)
    for page in (html, text):
        assert "Show one." in page
        assert page.count("Record one.") == page.count("There is no sound.")
    assert "    There is no face.\n    Show one.\n" in text
    assert "of its name into the inbox, such as a.retry. Where a file" in text
    assert "例如 a.重试。如果文件本身有问题" in html
    unheard = PageRenderer().text(make_status(finished=jobs), replace(KEPT, heeds_requests=False))
    assert ".retry" not in unheard
    assert "2: There is no sound.\n      Record one.\n" in text
