"""The status page in a real browser, from a file as over a share."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from heygem_daemon.page.renderer import FRESH_SECONDS, PageRenderer
from heygem_daemon.report.status import Status
from tests.page.conftest import KEPT, MakeStatus

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def opened(page: str, folder: Path, fragment: str = "", *options: str) -> str:
    """Return the page as the browser has it after its script ran."""
    assert CHROMIUM is not None
    file = folder / "status.html"
    file.write_text(page)
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--virtual-time-budget=1500",
        f"--user-data-dir={folder / 'profile'}",
        *options,
        "--dump-dom",
        f"{file.as_uri()}{fragment}",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_fresh_page_is_shown_in_the_language_asked_for(busy: Status, tmp_path: Path) -> None:
    fresh = busy.model_copy(update={"written": time.time()})
    page = opened(PageRenderer().html(fresh, KEPT), tmp_path, "#zh")
    assert '<html lang="zh"' in page
    assert 'id="stopped" hidden' in page
    assert "<title>heygem-daemon</title>" in page  # the names' attack would have changed it
    assert '<html lang="en"' in opened(PageRenderer().html(fresh, KEPT), tmp_path, "#en")


def test_a_browser_in_chinese_shows_chinese(make_status: MakeStatus, tmp_path: Path) -> None:
    status = make_status(written=time.time())
    page = opened(
        PageRenderer().html(status, KEPT), tmp_path, "", "--lang=zh-CN", "--accept-lang=zh-CN"
    )
    assert '<html lang="zh"' in page


def test_an_old_page_says_since_when_no_daemon_runs(
    make_status: MakeStatus, tmp_path: Path
) -> None:
    old = make_status(written=time.time() - FRESH_SECONDS - 60)
    page = opened(PageRenderer().html(old, KEPT), tmp_path)
    assert 'id="stopped">' in page
    assert re.search(r"not been running since <b>[^<]+</b>", page)


def test_a_screen_reader_finds_its_way(busy: Status, tmp_path: Path) -> None:
    page = opened(PageRenderer().html(busy, KEPT), tmp_path)
    labels = set(re.findall(r'aria-labelledby="(\w+)"', page))
    assert labels == set(re.findall(r'<h2 id="(\w+)"', page))
    assert '<progress max="100" value="42" aria-label=' in page
    assert 'role="status"' in page
    assert 'role="alert"' in page
