"""What is no input of a job is named, with what to do, and never without a bound."""

import shutil

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.page.renderer import TEXT_NAME
from heygem_daemon.protocol import Refused
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.unused_files import MAX_NAMED, find_unused
from heygem_daemon.spool.inbox import FolderSnapshot, scan
from tests.fakes.executor import rendered
from tests.fakes.service import ServiceHarness


def notices(*names: str, empty: frozenset[str] = frozenset()) -> dict[str, InboxNotice]:
    snapshot = FolderSnapshot((), unsupported_files=names, empty_files=empty)
    return {each.name: each for each in find_unused(snapshot)}


@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [
        ("script.docx", "not used: texts are not read aloud", "Record the words as sound"),
        ("稿子.TXT", "not used: texts are not read aloud", "Record the words as sound"),
        (
            "slides.pptx",
            "not used: office documents are no sound and no video",
            "Record the words",
        ),
        ("talk.json", "not used: data, such as the report of a result", "Not needed here"),
        ("all.zip", "not used: archives are not unpacked", "Unpack, and put"),
        (
            "talk.lnk",
            "not used: a link leads to another place, and is not the file itself",
            "Copy the target itself",
        ),
        ("talk", "not used: no sound, video or photograph by name", "A name must end as"),
        ("talk.xyz", "not used: no sound, video or photograph by name", "A name must end as"),
    ],
)
def test_each_is_named_with_what_to_do(name: str, reason: str, remedy: str) -> None:
    notice = notices(name)[name]
    assert (notice.reason, notice.awaited) == (reason, None)
    assert notice.remedy.startswith(remedy)
    chinese = translator("zh")
    assert chinese.knows(notice.reason)
    assert chinese.knows(notice.remedy)


@pytest.mark.parametrize(
    "name",
    [
        *("reason.txt", "Reason (2).txt", "reason - Copy.txt", "job.json", "batch.json"),
        *("talk.rendering.txt", "status.txt", "status.html"),
    ],
)
def test_what_the_daemon_wrote_itself_can_be_deleted(name: str) -> None:
    notice = notices(name)[name]
    assert notice.reason == "not used: written by the service itself"
    assert (notice.awaited, notice.remedy) == (None, "Not needed here, and safe to delete.")
    assert translator("zh").knows(notice.reason)
    assert translator("zh").knows(notice.remedy)


def test_the_files_of_a_failed_job_copied_back_are_made_and_the_rest_may_go(
    harness: ServiceHarness,
) -> None:
    harness.executor.answer = lambda each: [Refused(job_id=each.job_id, reason="no face.")]
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 20)
    harness.executor.answer = rendered
    for path in (harness.spool.failed / "talk").iterdir():
        shutil.copy(path, harness.spool.inbox)
    harness.run_rounds(service, 20)
    assert "talk.mp4" in harness.outbox()
    assert {(each.name, each.reason) for each in harness.status().inbox} == {
        (name, "not used: written by the service itself") for name in ("job.json", "reason.txt")
    }


def test_an_empty_file_is_called_empty_whatever_its_name_says() -> None:
    found = notices("p5.rm", "full.rm", "notes.txt", empty=frozenset({"p5.rm", "notes.txt"}))
    assert found["p5.rm"].reason == found["notes.txt"].reason == "not used: empty"
    assert ".cancel, .hurry, .retry or .remove" in found["p5.rm"].remedy
    assert found["full.rm"].reason.startswith("is RealMedia")
    assert found["full.rm"].awaited == "attention"
    asked = frozenset({"talk.cancel", "talk.cancle"})
    assert list(notices(*asked, empty=asked)) == ["talk.cancle"]


def test_of_very_many_the_first_ones_are_named_and_the_others_counted() -> None:
    names = [f"{number:05d}.txt" for number in range(1000)]
    found = notices(*reversed(names))
    assert len(found) == MAX_NAMED
    assert "00000.txt" in found
    assert f"00049.txt ({1000 - MAX_NAMED + 1} such files)" in found
    assert len(notices(*names[:MAX_NAMED])) == MAX_NAMED
    assert "00049.txt" in notices(*names[:MAX_NAMED])


def test_the_page_names_every_file_that_becomes_no_job(harness: ServiceHarness) -> None:
    silent = (".DS_Store", "Thumbs.db", "~$script.docx", "desktop.ini", ".talk.mp4.Xy12Zz")
    told = ("script.docx", "p5.rm", "all.zip", "name", "big.mp4.crdownload", "face.jpg")
    harness.drop("face.mp4", *silent, *told)
    (harness.spool.inbox / "p5.rm").write_bytes(b"")
    harness.run_rounds(harness.service(), 20)
    page = (harness.spool.root / TEXT_NAME).read_text()
    english, chinese = page.split("-----\n")
    for text in (
        "In the inbox, left alone",
        "script.docx: not used: texts are not read aloud\n    Record the words as sound",
        "p5.rm: not used: empty\n    Copy again, or delete.",
        "face.jpg: not used: photographs beside a video",
        "big.mp4.crdownload: is being copied or downloaded",
    ):
        assert text in english
    assert "script.docx：" in chinese or "script.docx: " in chinese
    for name in told:
        assert name in english
        assert name in chinese
        assert name in (harness.spool.root / "status.html").read_text()
    assert not [name for name in silent if name in page]
    assert harness.status().backlog.needs_attention == 0, "no alert for what people keep there"


def test_a_scan_finds_which_files_are_empty(harness: ServiceHarness) -> None:
    harness.drop("full.txt", "empty.txt")
    (harness.spool.inbox / "empty.txt").write_bytes(b"")
    assert scan(harness.spool.inbox).empty_files == {"empty.txt"}


def test_a_folder_that_holds_only_an_archive_names_it(harness: ServiceHarness) -> None:
    harness.drop_batch("launch", "mine.zip", "notes")
    harness.run_rounds(harness.service(), 20)
    (waiting,) = harness.status().inbox
    assert waiting.reason == (
        "is a folder that holds neither audio nor video; it waits for both; mine.zip lies there"
        " too, not used: archives are not unpacked"
    )
    assert waiting.remedy.startswith("Unpack, and put")
    assert "压缩包" in translator("zh")(waiting.reason)


@pytest.mark.parametrize("ending", ["txt", "pptx", "zip", "json", "lnk", "xyz"])
def test_what_is_said_is_true_of_one_file_and_of_many(ending: str) -> None:
    """The page puts all files of one kind into one line."""
    for notice in notices(f"talk.{ending}", "reason.txt", "e.x", empty=frozenset({"e.x"})).values():
        words = set(f"{notice.reason.partition(':')[0]} {notice.remedy}".split())
        assert not words & {"it", "it,", "it.", "it:", "file", "one", "one,"}


def test_what_is_empty_in_a_folder_is_not_said_to_be_a_request(harness: ServiceHarness) -> None:
    (harness.drop_batch("launch", "mine.zip") / "mine.zip").write_bytes(b"")
    harness.run_rounds(harness.service(), 20)
    (waiting,) = harness.status().inbox
    assert waiting.reason.endswith("; mine.zip lies there too, not used: empty")
    assert waiting.remedy == "Copy again, or delete."


def test_one_kind_of_file_is_called_the_same_wherever_it_is_named(harness: ServiceHarness) -> None:
    harness.drop("mine.wav", "mine.zip", "a.txt", "b.docx")
    harness.run_rounds(harness.service(), 20)
    page = (harness.spool.root / TEXT_NAME).read_text()
    assert "mine.zip: not used: archives are not unpacked" in page
    assert "mine.zip lies there too, not used: archives are not unpacked" in page
    assert "a.txt, b.docx: not used: texts are not read aloud" in page
