"""What the page shows of jobs and batches that have ended."""

from heygem_daemon.page.ended import find_results
from heygem_daemon.page.failed import find_failures
from heygem_daemon.page.renderer import TEXT_RULE, PageRenderer
from heygem_daemon.page.view import build_view
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.finished import FinishedBatch, FinishedJob
from tests.page.conftest import ATTACK, FOR_EVER, KEPT, NOW, MakeStatus, failed, published

BAD = {"cancelled": False, "reason": "Dark."}
BATCH = FinishedBatch(
    id="b",
    name="launch",
    members=12,
    published=11,
    failed=1,
    path="outbox/launch",
    zip="outbox/launch/launch.zip",
    failures="failed/launch",
    finished=NOW - 90,
)


def both(english: str, chinese: str) -> str:
    """Return a text as the page has it in both languages."""
    return f'<span lang="en">{english}</span><span lang="zh">{chinese}</span>'


def member(name: str) -> FinishedJob:
    path = f"outbox/launch/{name}.mp4"
    changes = {"batch": "launch", "batch_id": "b", "path": path, "id": name}
    return published(name).model_copy(update=changes)


def test_a_batch_is_one_entry_with_its_zip_its_members_and_what_failed(
    make_status: MakeStatus,
) -> None:
    finished = (published("after"), member("10"), member("9"), published("before", 2))
    status = make_status(finished=finished, finished_batches=(BATCH,))
    page = PageRenderer().html(status, KEPT)
    assert page.index(">after</a>") < page.index(">launch/</a>") < page.index(">before</a>")
    for text in (
        "11 of 12 published, 1 failed",
        "已发布 11/12，1 个失败",
        '<a href="./outbox/launch/launch.zip">ZIP</a>',
        '<a href="./failed/launch/">',
        '<a href="./outbox/launch/9.mp4">9</a>',
        "and 9 more",
    ):
        assert text in page
    assert page.index(">9</a>") < page.index(">10</a>")
    english = PageRenderer().text(status, KEPT, "en")
    assert "launch/: 11 of 12 published, 1 failed; 20" in english
    assert "\n    outbox/launch/9.mp4; report: 9.json; before and after: 9.png\n" in english
    for line in ("outbox/launch/launch.zip", "failed/launch"):
        assert f"\n    {line}\n" in english


def test_a_batch_of_which_nothing_is_published_has_failed(make_status: MakeStatus) -> None:
    nothing = {"published": 0, "failed": 12, "zip": "", "path": ""}
    last = failed("12", "There is no face.").model_copy(
        update={
            "batch": "launch",
            "batch_id": "b",
            "path": "failed/launch/12",
            "finished": NOW - 90,
        }
    )
    status = make_status(
        finished=(failed("after", "Dark."), last),
        finished_batches=(BATCH.model_copy(update=nothing),),
    )
    assert find_results(status, KEPT) == ()
    failures = find_failures(status, KEPT)
    assert [each.name for each in failures] == ["after", "launch/"]
    assert (failures[1].reason, failures[1].unlisted) == ("There is no face.", 11)
    page = PageRenderer().html(status, KEPT)
    assert '<a href="./failed/launch/">failed/launch</a>' in page
    assert "0 of 12 published, 12 failed" in page
    assert "已发布 0/12，12 个失败" in page


def test_what_failed_of_a_batch_is_one_entry_with_the_reasons_inside(
    make_status: MakeStatus,
) -> None:
    reasons = {"10": "There is no face.", "9": "It is silent."}
    members = tuple(
        failed(name, reason).model_copy(
            update={"id": name, "batch": "launch", "batch_id": "b", "path": f"failed/launch/{name}"}
        )
        for name, reason in reasons.items()
    )
    ended = BATCH.model_copy(update={"published": 9, "failed": 3})
    under_way = BatchStatus(
        id="b", name="launch", dropped_as="launch", members=12, published=1, failed=2
    )
    for status, more in (
        (make_status(finished=members, finished_batches=(ended,)), 1),
        (make_status(finished=members, batches=(under_way,)), 0),
        (make_status(finished=members), 0),
    ):
        (entry,) = find_failures(status, KEPT)
        assert (entry.name, entry.place, entry.reason) == ("launch/", "failed/launch", "")
        assert [(each.name, each.reason) for each in entry.members] == [
            ("9", "It is silent."),
            ("10", "There is no face."),
        ]
        assert entry.unlisted == more
        page = PageRenderer().html(status, KEPT).split('<h2 id="failed">')[1]
        assert "<small>1</small>" in page
        details = page.split("<details")[1].split("</details>")[0]
        assert "It is silent." in details
        assert '<a href="./failed/launch/10/">failed/launch/10</a>' in details
        text = PageRenderer().text(status, KEPT, "en").split("\nFailed\n")[1]
        text = text.split("\n\nFinished\n")[0]
        assert text.count("launch/: ") == 1
        assert "    9: It is silent.\n    10: There is no face.\n" in text


def cancelled(name: str) -> FinishedJob:
    changes = {"id": name, "batch": "launch", "batch_id": "b", "path": f"failed/launch/{name}"}
    return failed(name, "cancelled by anna.").model_copy(update={**changes, "cancelled": True})


def test_a_cancelled_batch_says_once_who_cancelled_it(make_status: MakeStatus) -> None:
    nothing = {"published": 0, "failed": 2, "cancelled": 2, "members": 2, "zip": "", "path": ""}
    batch = BATCH.model_copy(update=nothing)
    status = make_status(finished=(cancelled("1"), cancelled("2")), finished_batches=(batch,))
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    page = PageRenderer().html(status, KEPT)
    for text in (PageRenderer().html(status, KEPT, "en"), english):
        assert text.count("cancelled by anna.") == 1
    assert page.split('<h2 id="failed">')[1].startswith(both("Failed", "失败") + " <small>0<")
    section = page.split('<h2 id="cancelled">')[1].split("</section>")[0]
    assert both("0 of 2 published, 2 cancelled", "已发布 0/2，2 个已取消") in section
    assert both("what was cancelled, one by one", "逐个查看已取消的部分") in section
    assert 'href="#failed"' not in page
    assert 'href="#cancelled"' in page
    assert "\nFailed\n  -\n" in english
    assert "\nCancelled\n  launch/: " in english
    assert "\n    0 of 2 published, 2 cancelled\n" in english
    assert "\n已取消\n  launch/：" in chinese


def test_what_was_cancelled_is_told_apart_from_what_failed(make_status: MakeStatus) -> None:
    some = {"published": 9, "failed": 3, "cancelled": 2}
    members = (cancelled("1"), cancelled("2"), cancelled("3").model_copy(update=BAD))
    single = failed("talk", "cancelled by anna.").model_copy(update={"cancelled": True})
    status = make_status(
        finished=(*members, single), finished_batches=(BATCH.model_copy(update=some),)
    )
    view = build_view(status, KEPT)
    assert [each.name for each in view.failures] == ["launch/"]
    assert view.failures[0].count == "9 of 12 published, 1 failed, 2 cancelled"
    assert [each.name for each in view.cancelled] == ["talk"]
    assert "已发布 9/12，1 个失败，2 个已取消" in PageRenderer().text(status, KEPT)
    open_batch = BatchStatus(
        id="b", name="launch", dropped_as="launch", members=4, published=1, failed=2, cancelled=2
    )
    under_way = make_status(finished=members[:2], batches=(open_batch,))
    assert build_view(under_way, KEPT).failures == ()
    assert open_batch.progress == "3 of 4 done, 2 of them cancelled"
    mixed = open_batch.model_copy(update={"cancelled": 1})
    assert mixed.progress == "3 of 4 done, 1 of them failed, 1 cancelled"


def test_what_got_another_name_says_as_what_it_was_dropped(make_status: MakeStatus) -> None:
    """One who looks for the name that he gave finds it wherever it was taken."""
    bad = failed("talk", "Dark.").model_copy(update={"output": "talk (2)"})
    changes = {"name": "launch (2)", "dropped_as": "launch", "path": "outbox/launch (2)"}
    ended = BATCH.model_copy(update=changes)
    waiting = BatchStatus(
        id="w", name="show (3)", dropped_as="show", members=2, published=0, failed=0, turn=0
    )
    made = published("talk").model_copy(update={"path": "outbox/talk (4).mp4"})
    status = make_status(finished=(bad, made), finished_batches=(ended,), batches=(waiting,))
    names = {"talk": 2, "launch": 2, "show": 1}
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    page = PageRenderer().html(status, KEPT)
    for name, count in names.items():
        said = f"dropped as {name}, a name that was taken"
        assert english.count(said) == page.count(said) == count, name
        assert chinese.count(f"放入时名为 {name}，但该名称已被占用") == count
    same = make_status(
        finished=(failed("talk", "Dark."), published("talk")),
        finished_batches=(BATCH.model_copy(update={"dropped_as": "launch"}),),
        batches=(waiting.model_copy(update={"name": "f/show", "dropped_as": "f/show"}),),
    )
    assert "dropped as" not in PageRenderer().text(same, KEPT)


def test_a_job_that_ended_again_is_listed_once(make_status: MakeStatus) -> None:
    """Its retry has the name and the place of the first one."""
    again = failed("bad", "Dark.")
    first = failed("bad", "There is no face.").model_copy(update={"finished": NOW - 60})
    made = published("talk")
    earlier = published("talk", 5)
    status = make_status(finished=(again, made, first, earlier))
    assert [each.reason for each in find_failures(status, KEPT)] == ["Dark."]
    assert [each.name for each in find_results(status, KEPT)] == ["talk"]


def test_a_batch_under_way_is_one_entry_too(make_status: MakeStatus) -> None:
    batch = BatchStatus(
        id="b", name="launch", dropped_as="launch", members=3, published=1, failed=0
    )
    page = PageRenderer().html(make_status(finished=(member("1"),), batches=(batch,)), KEPT)
    assert "1 of 3 published" in page
    assert "under way" in page


def test_names_of_batches_are_text(make_status: MakeStatus) -> None:
    batch = BATCH.model_copy(update={"name": ATTACK, "path": f"outbox/{ATTACK}"})
    page = PageRenderer().html(make_status(finished_batches=(batch,)), KEPT)
    assert "<img" not in page
    assert page.count("<script>") == 1


def test_the_text_says_where_each_thing_is_and_when_it_is_deleted(make_status: MakeStatus) -> None:
    status = make_status(finished=(published("demo"), failed("bad", "There is no face.")))
    english, chinese = PageRenderer().text(status, KEPT).split(TEXT_RULE)
    assert "demo: 2027-01-15" in english
    assert "; outbox/demo.mp4; will be deleted on 2027-01-22" in english
    assert "; failed/bad; will be deleted on 2027-01-22" in english
    assert "There is no face." in english
    assert chinese.count("删除时间：2027-01-22") == 2
    assert "deleted on" not in PageRenderer().text(status, FOR_EVER)


def test_the_page_says_when_a_failed_job_is_deleted(make_status: MakeStatus) -> None:
    page = PageRenderer().html(make_status(finished=(failed("bad", "There is no face."),)), KEPT)
    assert "deleted on 2027-01-22" in page


def test_results_of_one_name_are_told_apart_by_the_names_that_requests_take(
    make_status: MakeStatus,
) -> None:
    first = published("face")
    second = first.model_copy(update={"path": "outbox/face (2).mp4"})
    of_anna = first.model_copy(
        update={"name": "anna/face", "folder": "anna", "path": "outbox/anna/face (3).mp4"}
    )
    results = find_results(make_status(finished=(first, second, of_anna)), KEPT)
    assert sorted(each.name for each in results) == ["anna/face (3)", "face", "face (2)"]


def test_a_batch_that_was_made_again_points_at_the_last_one_and_that_at_its_name(
    make_status: MakeStatus,
) -> None:
    def batch(number: int, name: str, **changes: object) -> FinishedBatch:
        return BATCH.model_copy(
            update={"id": str(number), "name": name, "dropped_as": "launch", **changes}
        )

    again = batch(2, "launch (2)", path="outbox/launch (2)", failed=0, failures="")
    others = batch(3, "launch (3)", dropped_by="ben", path="")
    elsewhere = batch(4, "launch", folder="anna", path="")
    ended = (batch(1, "launch"), again, others, elsewhere)
    english, chinese = (
        PageRenderer().text(make_status(finished_batches=ended), KEPT).split(TEXT_RULE)
    )
    assert english.count("launch (2)/ was dropped under the same name later") == 2
    assert english.count("was dropped under the same name later") == 2
    assert "launch (2)/: 11 of 12 published; 20" in english
    assert "dropped as launch, a name that was taken" in english
    assert chinese.count("之后又以同一名称放入：launch (2)/") == 2
    page = PageRenderer().html(make_status(finished_batches=ended), KEPT)
    assert page.count("launch (2)/ was dropped under the same name later") == 2
    waits = BatchStatus(
        id="5", name="launch", dropped_as="launch", members=1, published=0, failed=0
    )
    text = PageRenderer().text(make_status(finished_batches=(again,), batches=(waits,)), KEPT, "en")
    assert "; launch/ was dropped under the same name later; " in text


def test_a_failed_job_names_the_video_that_was_made_of_its_name_later(
    make_status: MakeStatus,
) -> None:
    """Who had dropped corrected files found both, and asked which counts."""
    bad = failed("talk", "Dark.").model_copy(update={"finished": NOW - 90})
    other = published("talk", 1).model_copy(update={"dropped_by": "ben"})
    for made, is_told in (
        (published("talk", 1), True),
        (published("talk", 2), False),
        (other, False),
    ):
        text = PageRenderer().text(make_status(finished=(made, bad)), KEPT, "en")
        told = "\n    A video of this name was made later: outbox/talk.mp4\n" in text
        assert told == is_told
    page = PageRenderer().html(make_status(finished=(published("talk", 1), bad)), KEPT)
    assert "之后已生成同名的视频：outbox/talk.mp4" in page
