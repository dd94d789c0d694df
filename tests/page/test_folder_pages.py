"""The pages of hot folders: what they show, when they are written, what users can do to them."""

import os
import stat
from pathlib import Path

import pytest

from heygem_daemon.page.folder_pages import KEEPALIVE_SECONDS, FolderPageWriter
from heygem_daemon.page.forms import exact_time
from heygem_daemon.page.renderer import HTML_NAME, TEXT_NAME, PageRenderer
from heygem_daemon.page.writer import LEAST_SECONDS
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.status import JobStatus, Status
from heygem_daemon.spool.spool import Spool
from tests.page.conftest import NOW, MakeStatus, failed, published
from tests.page.test_page import Elements


class Share:
    """A spool with the hot folder anna, and the writer of its page."""

    def __init__(self, root: Path) -> None:
        self.spool = Spool(root)
        self.spool.prepare()
        self.outbox = self.spool.open_folder("anna").outbox
        self.writer = FolderPageWriter(self.spool.root, self.spool.folder_pages, PageRenderer())
        self.now = 0.0

    def write(self, status: Status, after: float = LEAST_SECONDS) -> None:
        self.now += after
        written = status.model_copy(update={"written": NOW + self.now})
        self.writer.write([("anna", written)], 7.0, self.now)

    @property
    def html(self) -> str:
        return (self.outbox / HTML_NAME).read_text()

    @property
    def text(self) -> str:
        return (self.outbox / TEXT_NAME).read_text()

    @property
    def inode(self) -> int:
        return (self.outbox / HTML_NAME).lstat().st_ino


@pytest.fixture
def share(tmp_path: Path) -> Share:
    return Share(tmp_path / "spool")


def of_anna(job: FinishedJob) -> FinishedJob:
    path = job.path.replace("/", "/anna/", 1)
    return job.model_copy(update={"folder": "anna", "name": f"anna/{job.name}", "path": path})


def test_links_lead_to_what_is_in_the_same_share(share: Share, make_status: MakeStatus) -> None:
    for name in ("outbox/anna/talk.mp4", "outbox/anna/talk.json", "failed/anna/bad"):
        (share.spool.root / name).touch()
    jobs = (of_anna(published("talk")), of_anna(failed("bad", "There is no face.")))
    share.write(make_status(finished=jobs))
    addresses = [each for each in Elements(share.html).addresses if not each.startswith("#")]
    assert set(addresses) == {"./talk.mp4", "./talk.json"}
    assert all((share.outbox / each).exists() for each in addresses)
    for page in (share.html, share.text):
        assert "failed/anna/bad (my-failed/bad)" in page, "in the share of all, and in an own one"
        assert " failed/bad" not in page, "there it is not"
    assert "anna/talk" not in share.html
    assert "talk: 2027-01-15" in share.text
    assert "; talk.mp4, beside this page; will be deleted on 2027-01-22" in share.text


def test_where_the_folder_s_own_person_alone_drops_the_page_does_not_say_who(
    share: Share, make_status: MakeStatus
) -> None:
    for name in ("one.mp4", "two.mp4"):
        (share.outbox / name).touch()
    jobs = [of_anna(published(name)) for name in ("one", "two")]
    hers = [each.model_copy(update={"dropped_by": "anna"}) for each in jobs]
    share.write(make_status(finished=tuple(hers)))
    assert "  one: " in share.text
    assert "dropped by" not in share.html + share.text
    his = jobs[1].model_copy(update={"dropped_by": "ben"})
    share.write(make_status(finished=(hers[0], his)))
    assert "one (dropped by anna): " in share.text
    assert "two (dropped by ben): " in share.text
    share.write(make_status(finished=(his,)))
    assert "two (dropped by ben): " in share.text, "others may drop there, too"


def test_the_page_of_a_folder_counts_the_jobs_of_others(
    share: Share, make_status: MakeStatus
) -> None:
    jobs = (
        JobStatus(id="1", name="talk", state="queued", folder="anna", others=4),
        JobStatus(id="2", name="more", state="queued", folder="anna", others=1),
    )
    share.write(make_status(jobs=jobs))
    assert "4 jobs of others go first" in share.html
    assert "前面还有其他人的 1 个任务" in share.text


def test_an_unchanged_page_is_made_once_and_gets_the_present_time(
    share: Share, make_status: MakeStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = make_status()
    share.write(status)
    first, inode = share.html, share.inode
    share.write(status)
    assert share.inode == inode, "nothing has changed"
    monkeypatch.setattr(PageRenderer, "pages", pytest.fail)
    share.write(status, KEEPALIVE_SECONDS)
    assert share.inode != inode
    assert f'data-written="{NOW + share.now}"' in share.html
    assert share.html != first
    assert len(share.html) == len(first)
    assert share.text.startswith(f"heygem-daemon (anna), {exact_time(NOW + share.now)}: ")


def test_a_change_is_shown_but_not_more_often_than_every_two_seconds(
    share: Share, make_status: MakeStatus
) -> None:
    share.write(make_status())
    running = JobStatus(id="1", name="talk", state="running", stage="render", percent=5)
    share.write(make_status(state="working", jobs=(running,)), LEAST_SECONDS / 2)
    assert "talk" not in share.html
    share.write(make_status(state="working", jobs=(running,)), LEAST_SECONDS / 2)
    assert "talk" in share.html
    share.write(make_status(state="stopped"), 0.1)
    assert 'data-state="stopped"' in share.html


def test_what_a_user_removes_is_written_again(share: Share, make_status: MakeStatus) -> None:
    status = make_status()
    share.write(status)
    (share.outbox / HTML_NAME).unlink()
    (share.outbox / TEXT_NAME).write_text("mine")
    share.write(status)
    assert "heygem-daemon" in share.html
    assert "heygem-daemon" in share.text


@pytest.mark.parametrize("name", [HTML_NAME, TEXT_NAME, f".{HTML_NAME}.tmp", f".{TEXT_NAME}.tmp"])
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
def test_whatever_lies_in_its_place_nothing_outside_is_touched(
    share: Share, make_status: MakeStatus, tmp_path: Path, name: str, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("private")
    place = share.outbox / name
    if kind == "link":
        place.symlink_to(outside)
    elif kind == "hard link":
        place.hardlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        (place / "kept").mkdir(parents=True)
    share.write(make_status())
    assert outside.read_text() == "private"
    if kind == "folder":
        assert (place / "kept").is_dir()
        other = TEXT_NAME if HTML_NAME in name else HTML_NAME
        assert "heygem-daemon" in (share.outbox / other).read_text()
    else:
        pages = [(share.outbox / each).lstat().st_mode for each in (HTML_NAME, TEXT_NAME)]
        assert all(map(stat.S_ISREG, pages))
        assert sorted(each.name for each in share.outbox.iterdir()) == [HTML_NAME, TEXT_NAME]


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_nothing_is_written_into_an_outbox_that_was_exchanged(
    share: Share, make_status: MakeStatus, tmp_path: Path, kind: str
) -> None:
    share.write(make_status())
    taken, other = tmp_path / "taken", tmp_path / "other"
    other.mkdir()
    share.outbox.rename(taken)
    (taken / HTML_NAME).unlink()
    if kind == "link":
        share.outbox.symlink_to(other)
    else:
        other.rename(share.outbox)
    share.write(make_status(), KEEPALIVE_SECONDS)
    assert list(share.outbox.iterdir()) == []
    assert not (taken / HTML_NAME).exists()


def test_a_removed_folder_loses_the_daemons_pages_alone(
    share: Share, make_status: MakeStatus
) -> None:
    share.write(make_status())
    (share.outbox / "talk.mp4").touch()
    (share.outbox / TEXT_NAME).unlink()
    (share.outbox / TEXT_NAME).symlink_to("talk.mp4")
    assert share.spool.folder_pages.folders() == {"anna"}
    share.spool.folder_pages.remove("anna")
    assert sorted(each.name for each in share.outbox.iterdir()) == [TEXT_NAME, "talk.mp4"]


def test_a_result_may_be_called_status(share: Share, make_status: MakeStatus) -> None:
    share.write(make_status())
    assert share.spool.in_folder("anna").taken_names().free("status") == "status"


def test_many_changing_pages_are_spread_and_each_has_its_turn(
    tmp_path: Path, make_status: MakeStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Share(tmp_path / "spool")
    clock = iter(range(0, 100_000, 1))  # each page takes a second of the processor
    monkeypatch.setattr("heygem_daemon.page.folder_pages.time.thread_time", lambda: next(clock))
    names = [f"p{number}" for number in range(4)]
    for name in names:
        share.spool.open_folder(name)
    written: list[str] = []
    monkeypatch.setattr(
        share.spool.folder_pages, "write", lambda folder, _name, _data: written.append(folder)
    )
    for second in range(400):
        share.writer.write([(name, make_status()) for name in names], 7.0, float(second))
    assert set(written) == set(names)
    assert len(written) // 2 <= 0.02 * 400 + 2
