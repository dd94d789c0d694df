"""Events that wake the scan loop."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver, EventEmitter

from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.mounts import MountInfo
from heygem_daemon.spool.open_files import can_open
from heygem_daemon.spool.watcher import InboxWatcher

LOCAL = MountInfo(Path("/"), "ext4", is_network=False)
SHARE = MountInfo(Path("/"), "nfs4", is_network=True)


class ExhaustedObserver(BaseObserver):
    """An observer that cannot start, because inotify watches or instances are used up."""

    def __init__(self, number: int) -> None:
        super().__init__(EventEmitter)
        self._errno = number

    def start(self) -> None:
        raise OSError(self._errno, os.strerror(self._errno))


def _wakes(inbox: Path, act: Callable[[], object], wait: float = 5.0) -> bool:
    awake = threading.Event()
    with InboxWatcher(inbox, LOCAL, awake.set) as watcher:
        assert watcher.is_watching
        act()
        return awake.wait(wait)


def test_a_new_file_wakes_the_loop(tmp_path: Path) -> None:
    assert _wakes(tmp_path, (tmp_path / "talk.wav").touch)


def test_a_file_moved_in_wakes_the_loop(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (tmp_path / "talk.wav").touch()
    assert _wakes(inbox, lambda: (tmp_path / "talk.wav").replace(inbox / "talk.wav"))


def test_scans_and_reads_do_not_wake_the_loop(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").touch()

    def read() -> None:
        scan(tmp_path)
        can_open(tmp_path / "talk.wav")

    assert not _wakes(tmp_path, read, wait=0.3)


def test_an_upload_that_goes_on_does_not_wake_the_loop_at_every_write(tmp_path: Path) -> None:
    with (tmp_path / "talk.wav").open("ab", buffering=0) as file:

        def write() -> None:
            for _ in range(100):
                file.write(b"block")

        assert not _wakes(tmp_path, write, wait=0.3)


def test_rule_2_a_network_mount_is_polled_and_says_so(tmp_path: Path) -> None:
    notices: list[str] = []
    with InboxWatcher(tmp_path, SHARE, lambda: None, notices.append) as watcher:
        assert not watcher.is_watching
    (notice,) = notices
    assert "nfs4" in notice
    assert "polled" in notice


@pytest.mark.parametrize(
    ("number", "setting"),
    [(errno.ENOSPC, "max_user_watches"), (errno.EMFILE, "max_user_instances")],
)
def test_rule_5_without_watches_left_the_inbox_is_polled_and_says_so(
    tmp_path: Path, number: int, setting: str
) -> None:
    notices: list[str] = []
    with InboxWatcher(
        tmp_path, LOCAL, lambda: None, notices.append, lambda: ExhaustedObserver(number)
    ) as watcher:
        assert not watcher.is_watching
    (notice,) = notices
    assert setting in notice


def test_rule_1_a_missing_inbox_ends_nothing(tmp_path: Path) -> None:
    notices: list[str] = []
    with InboxWatcher(tmp_path / "gone", LOCAL, lambda: None, notices.append):
        pass
    assert len(notices) == 1
