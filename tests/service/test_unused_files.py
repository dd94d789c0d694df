"""What is no input of a job is named, with what to do, and never without a bound."""

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.page.renderer import TEXT_NAME
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.unused_files import MAX_NAMED, find_unused
from heygem_daemon.spool.inbox import FolderSnapshot, scan
from tests.fakes.service import ServiceHarness


def notices(*names: str, empty: frozenset[str] = frozenset()) -> dict[str, InboxNotice]:
    snapshot = FolderSnapshot((), unsupported_files=names, empty_files=empty)
    return {each.name: each for each in find_unused(snapshot)}


@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [
        ("script.docx", "not used: texts are not read aloud", "Record what it says as sound"),
        ("稿子.TXT", "not used: texts are not read aloud", "Record what it says as sound"),
        (
            "slides.pptx",
            "not used: office documents are no sound and no video",
            "Record what it says",
        ),
        ("all.zip", "not used: archives are not unpacked", "Unpack it"),
        (
            "talk.lnk",
            "not used: a link leads to another place, and is not the file itself",
            "Copy the file itself",
        ),
        ("talk", "not used: no sound, video or photograph by name", "Its name must end as"),
        ("talk.xyz", "not used: no sound, video or photograph by name", "Its name must end as"),
    ],
)
def test_each_is_named_with_what_to_do(name: str, reason: str, remedy: str) -> None:
    notice = notices(name)[name]
    assert (notice.reason, notice.awaited) == (reason, None)
    assert notice.remedy.startswith(remedy)
    chinese = translator("zh")
    assert chinese.knows(notice.reason)
    assert chinese.knows(notice.remedy)


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
        "script.docx: not used: texts are not read aloud\n    Record what it says as sound",
        "p5.rm: not used: empty\n    Copy the file again, or delete it.",
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
    assert waiting.remedy.startswith("Unpack it")
    assert "压缩包" in translator("zh")(waiting.reason)


def test_one_kind_of_file_is_called_the_same_wherever_it_is_named(harness: ServiceHarness) -> None:
    harness.drop("mine.wav", "mine.zip", "a.txt", "b.docx")
    harness.run_rounds(harness.service(), 20)
    page = (harness.spool.root / TEXT_NAME).read_text()
    assert "mine.zip: not used: archives are not unpacked" in page
    assert "mine.zip lies there too, not used: archives are not unpacked" in page
    assert "a.txt, b.docx: not used: texts are not read aloud" in page
