"""A page that somebody has open in a browser, from a file as over a share."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.media.image_files import write_png
from heygem_daemon.page import renderer
from heygem_daemon.page.forms import local_time
from heygem_daemon.page.renderer import PageRenderer
from heygem_daemon.report.status import JobStatus, Status
from tests.page.browser import CHROMIUM, Browser
from tests.page.conftest import KEPT, MakeStatus, failed, published
from tests.page.test_ended import BATCH, member

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
VIDEO = Path(__file__).parents[2] / "demo" / "presenter.mp4"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@dataclass(slots=True)
class OpenPage:
    """A page that a browser shows, and a daemon writes again."""

    browser: Browser
    file: Path
    renderer: PageRenderer
    status: Status

    def write(self, **fields: object) -> None:
        """Write the page again where it has other ``fields``."""
        self.status = self.status.model_copy(update={"written": time.time(), **fields})
        self.file.with_suffix(".tmp").write_text(self.renderer.html(self.status, KEPT))
        self.file.with_suffix(".tmp").replace(self.file)

    def open(self) -> None:
        self.browser.open(self.file.as_uri())
        self.browser.run("window.is_same = true; sessionStorage.clear(); localStorage.clear()")

    def shows(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.browser.wait(f"document.body.innerText.includes({json.dumps(text)})")

    @property
    def is_same(self) -> bool:
        """Whether it was never loaded again."""
        return bool(self.browser.run("window.is_same === true"))


@pytest.fixture
def page(
    browser: Browser, tmp_path: Path, make_status: MakeStatus, monkeypatch: pytest.MonkeyPatch
) -> OpenPage:
    monkeypatch.setattr(renderer, "LOOK_MILLISECONDS", 200)
    (tmp_path / "outbox").mkdir()
    finished = (published("talk"), member("1"), *(published(f"more {n}", n) for n in range(9)))
    status = make_status(finished=finished, finished_batches=(BATCH,))
    page = OpenPage(browser, tmp_path / "status.html", PageRenderer(), status)
    page.write()
    return page


def working(percent: int) -> tuple[JobStatus, ...]:
    return (JobStatus(id="7", name="新品", state="running", stage="render", percent=percent),)


def test_what_the_reader_does_survives_a_newer_page(page: OpenPage) -> None:
    page.open()
    run = page.browser.run
    run("document.querySelector('[data-language=zh]').click()")
    run("document.querySelector('details').open = true")
    run("document.querySelector('li[data-key=\"outbox\\tmore 8.mp4\"] a').focus()")
    run("scrollTo(0, 300)")
    for percent in (5, 6):
        page.write(jobs=working(percent), state="working")
        page.shows(f"{percent} %")
    new = published("new").model_copy(update={"id": "new"})
    page.write(finished=(new, *page.status.finished), jobs=())
    page.shows("new")
    assert page.is_same
    assert run("document.activeElement.textContent") == "more 8"
    assert run("document.documentElement.lang") == "zh"
    assert run("document.querySelector('[data-language=zh]').getAttribute('aria-current')")
    assert run("document.querySelector('details').open")
    assert run("scrollY") >= 300
    names = run("Array.from(document.querySelectorAll('#results ~ ul > li'), e => e.dataset.key)")
    assert names == [f"outbox\t{name}" for name in names_in_order(page)]


def names_in_order(page: OpenPage) -> list[str]:
    singles = [each.output for each in page.status.finished if not each.batch]
    names = [f"{each}.mp4" for each in singles]
    names.insert(names.index("more 1.mp4") + 1, "launch")
    return names


ALIKE = {
    "a folder": ("outbox/a/b.mp4", "outbox/a b.mp4"),
    "a character that is written as another name": ("outbox/a\x07.mp4", "outbox/a\\x07.mp4"),
}


@pytest.mark.parametrize("paths", ALIKE.values(), ids=ALIKE)
def test_of_results_with_nearly_one_path_all_stay(page: OpenPage, paths: tuple[str, ...]) -> None:
    page.write(finished=(), finished_batches=())
    page.open()
    results = [
        published(f"same {number}").model_copy(update={"path": path, "id": f"same {number}"})
        for number, path in enumerate(paths)
    ]
    for number in range(3):
        page.write(finished=(published(f"new {number}"), *results))
        page.shows(f"new {number}")
        assert page.is_same
        count = page.browser.run("document.querySelectorAll('#results ~ ul > li').length")
        assert count == 3


def test_a_page_that_is_written_again_unchanged_stays_untouched(page: OpenPage) -> None:
    page.open()
    page.browser.run(
        "window.changes = 0; new MutationObserver(found => { window.changes += found.length; })"
        ".observe(document.querySelector('main'), {subtree: true, childList: true,"
        " attributes: true, characterData: true})"
    )
    page.write(written=page.status.written + 0.001)
    page.browser.wait(f"document.documentElement.dataset.written === '{page.status.written}'")
    assert page.is_same
    assert page.browser.run("window.changes") == 0


def test_a_begun_video_stays_where_it_is(page: OpenPage) -> None:
    shutil.copy(VIDEO, page.file.parent / "outbox" / "talk.mp4")
    page.open()
    run = page.browser.run
    video = "document.querySelector('video')"
    run(f"{video}.muted = true; {video}.play()")
    page.browser.wait(f"{video}.currentTime > 0.1")
    page.write(jobs=working(7), state="working")
    page.shows("7 %")
    assert run(f"!{video}.paused"), "it goes on"
    run(f"{video}.pause(); window.at = {video}.currentTime")
    page.write(finished=(published("new"), *page.status.finished), jobs=working(8))
    page.shows("8 %")
    assert run("window.at > 0 && document.querySelectorAll('video')[1].currentTime === window.at")
    # Another daemon's page is loaded as a whole: when the video is no more in use.
    page.renderer = PageRenderer()
    page.write(jobs=working(9))
    time.sleep(1)
    assert page.is_same
    run("document.querySelectorAll('video')[1].currentTime = 0")
    page.shows("9 %")
    assert not page.is_same


@pytest.mark.parametrize("focused", ["summary", "#failed ~ ul a", "li[data-key] video", "nav a"])
def test_the_focus_outlives_another_daemon(page: OpenPage, focused: str) -> None:
    page.write(finished=(*page.status.finished, failed("bad", "There is no face.")))
    page.open()
    run = page.browser.run
    run(f"document.querySelector({json.dumps(focused)}).focus()")
    before = run("document.activeElement.outerHTML")
    page.renderer = PageRenderer()
    page.write(jobs=working(3), state="working")
    page.shows("3 %")
    assert not page.is_same
    page.browser.wait(f"document.activeElement.outerHTML === {json.dumps(before)}")
    assert before != run("document.body.outerHTML")


def test_where_no_frame_answers_the_page_is_loaded_again(
    page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer, "PATIENCE_MILLISECONDS", 500)
    page.renderer = PageRenderer()
    page.write()
    html = page.file.read_text().replace("frame-src 'self' file:", "frame-src 'none'")
    page.file.write_text(html)
    page.open()
    page.browser.wait("window.is_same === undefined")


def test_a_page_that_frames_this_one_reads_nothing_of_it(page: OpenPage, tmp_path: Path) -> None:
    page.open()
    other = tmp_path / "other.html"
    other.write_text(
        "<script>window.got = []; onmessage = event => window.got.push(event.data)</script>"
        '<iframe src="status.html#look=abc"></iframe>'
    )
    page.browser.open(other.as_uri())
    page.browser.wait("window.got.length > 0")
    assert page.browser.run("window.got") == [""]


def test_an_open_page_says_since_when_no_daemon_runs(page: OpenPage) -> None:
    page.open()
    hidden = "document.getElementById('stopped').hidden"
    assert page.browser.run(hidden)
    page.write(state="stopped")
    page.browser.wait(f"!{hidden}")
    page.write(state="idle")
    page.browser.wait(hidden)
    assert page.is_same


def test_an_open_page_notices_that_the_daemon_was_killed(
    page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes a last page then: the browser's own clock tells."""
    monkeypatch.setattr(renderer, "FRESH_SECONDS", 3)
    page.renderer = PageRenderer()
    page.write(jobs=working(42), state="working")
    page.open()
    run = page.browser.run
    hidden = "document.getElementById('stopped').hidden"
    assert run(hidden)
    page.shows("Being made now")
    page.browser.wait(f"!{hidden}")
    assert time.time() - page.status.written > 3
    page.shows(f"The daemon has not been running since {local_time(page.status.written)}.")
    page.shows("Was being made")
    assert run("document.querySelector('progress').hidden"), "no bar moves any more"
    assert not run("document.body.innerText.includes('The daemon is at work')")
    run("document.querySelector('[data-language=zh]').click()")
    page.shows(f"服务自 {local_time(page.status.written)} 起未在运行")
    page.write(jobs=working(43))
    page.browser.wait(hidden)
    page.shows("43 %")
    assert page.is_same


def test_a_poster_stands_above_the_controls(page: OpenPage) -> None:
    image = page.file.parent / "outbox" / "talk.png"
    shutil.copy(VIDEO.with_name("astronaut.png"), image)
    page.open()
    height = "document.querySelector('video').clientHeight"
    width = "document.querySelector('video').clientWidth"
    page.browser.wait("document.querySelector('video[style]') !== null")
    assert page.browser.run(f"{height} >= Math.min(384, {width} + 70)"), "the picture is square"


def test_a_portrait_video_keeps_its_shape(page: OpenPage) -> None:
    place = page.file.parent / "outbox"
    write_png(place / "talk.png", np.zeros((160, 90, 3), np.uint8))
    shutil.copy(VIDEO, place / "talk.mp4")
    page.open()
    page.browser.wait("document.querySelector('video[style]') !== null")
    poster, fit = page.browser.run(
        "(video => [video.clientHeight / video.clientWidth, getComputedStyle(video).objectFit])"
        "(document.querySelector('video'))"
    )
    assert poster >= 160 / 90, "the poster is shown whole"
    assert fit == "contain", "nothing is cut off or stretched"
