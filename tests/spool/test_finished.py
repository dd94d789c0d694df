import os
from collections.abc import Callable

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.finished import RELIST_SECONDS, FinishedWatcher
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]


class Ticks:
    """A clock that goes on when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Ticks:
    return Ticks()


def names(endings: FinishedWatcher) -> list[str]:
    return sorted(journal.name for journal in endings.poll_jobs())


def test_only_what_ends_from_now_on_is_told_and_only_once(
    spool: Spool, take: Take, publish: Publish, clock: Ticks
) -> None:
    publish(spool, take(spool, "before.wav", "before.mp4"))
    endings = FinishedWatcher(spool, clock)
    assert names(endings) == []
    publish(spool, take(spool, "good.wav", "good.mp4"))
    spool.fail(take(spool, "bad.wav", "bad.mp4"), "No face.")
    assert names(endings) == ["bad", "good"]
    assert names(endings) == []


def test_a_folder_that_stands_still_is_not_listed_each_time(
    spool: Spool, clock: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    endings = FinishedWatcher(spool, clock)
    endings.poll_jobs()
    listed: list[object] = []
    monkeypatch.setattr("heygem_daemon.spool.finished.names_in", listed.append)
    assert names(endings) == []
    assert listed == []


def test_a_change_that_the_folders_time_does_not_show_is_found_a_little_later(
    spool: Spool, take: Take, publish: Publish, clock: Ticks
) -> None:
    endings = FinishedWatcher(spool, clock)
    before = spool.done.stat()
    publish(spool, take(spool))
    os.utime(spool.done, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(endings) == []
    clock.now += RELIST_SECONDS
    assert names(endings) == ["talk"]


def test_a_share_that_is_gone_is_no_bug(spool: Spool, clock: Ticks) -> None:
    endings = FinishedWatcher(spool, clock)
    away = spool.root.with_name("away")
    spool.root.rename(away)
    assert names(endings) == []
    away.rename(spool.root)
    spool.done.rmdir()
    assert names(endings) == []


def test_what_is_no_job_is_no_ending(spool: Spool, clock: Ticks) -> None:
    endings = FinishedWatcher(spool, clock)
    (spool.failed / "a folder of somebody").mkdir()
    (spool.done / "a file").touch()
    assert names(endings) == []


def test_an_unreadable_spool_is_said(
    spool: Spool, clock: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: object) -> list[str]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("heygem_daemon.spool.finished.names_in", fail)
    with pytest.raises(SpoolUnavailable):
        FinishedWatcher(spool, clock)
