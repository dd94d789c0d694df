"""The watcher of finished jobs."""

import os
from collections.abc import Callable

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.finished import RELIST_SECONDS, FinishedWatcher
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from tests.fakes.clock import FakeClock

Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def names(watcher: FinishedWatcher) -> list[str]:
    return sorted(journal.name for journal in watcher.poll_jobs())


def test_only_jobs_that_end_from_now_on_are_reported_and_only_once(
    spool: Spool, take: Take, publish: Publish, clock: FakeClock
) -> None:
    publish(spool, take(spool, "before.wav", "before.mp4"))
    watcher = FinishedWatcher(spool, clock)
    assert names(watcher) == []
    publish(spool, take(spool, "good.wav", "good.mp4"))
    spool.fail(take(spool, "bad.wav", "bad.mp4"), "No face.")
    assert names(watcher) == ["bad", "good"]
    assert names(watcher) == []


def test_an_unchanged_folder_is_not_listed_each_time(
    spool: Spool, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = FinishedWatcher(spool, clock)
    watcher.poll_jobs()
    listed: list[object] = []
    monkeypatch.setattr("heygem_daemon.spool.finished.names_in", listed.append)
    assert names(watcher) == []
    assert listed == []


def test_a_change_that_does_not_alter_the_mtime_is_found_later(
    spool: Spool, take: Take, publish: Publish, clock: FakeClock
) -> None:
    watcher = FinishedWatcher(spool, clock)
    before = spool.finished.stat()
    publish(spool, take(spool))
    os.utime(spool.finished, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(watcher) == []
    clock.now += RELIST_SECONDS
    assert names(watcher) == ["talk"]


def test_a_share_that_is_gone_is_no_bug(spool: Spool, clock: FakeClock) -> None:
    watcher = FinishedWatcher(spool, clock)
    away = spool.root.with_name("away")
    spool.root.rename(away)
    assert names(watcher) == []
    away.rename(spool.root)
    spool.done.rmdir()
    assert names(watcher) == []


def test_folders_and_files_of_users_are_not_reported(spool: Spool, clock: FakeClock) -> None:
    watcher = FinishedWatcher(spool, clock)
    (spool.failed / "a folder of somebody").mkdir()
    (spool.done / "a file").touch()
    assert names(watcher) == []


def test_an_unreadable_spool_is_an_environment_fault(
    spool: Spool, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: object) -> list[str]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("heygem_daemon.spool.finished.names_in", fail)
    with pytest.raises(SpoolUnavailable):
        FinishedWatcher(spool, clock)
