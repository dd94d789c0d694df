"""Expiry and deletion of old jobs, caches and logs."""

import os
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool import retention
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.retention import ExpiredItem
from heygem_daemon.spool.spool import Spool
from tests.fakes.clock import FakeClock

DAY = 86400.0
Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]
Tree = Callable[[Spool], dict[str, bytes | None]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_795_000_000.0)


@pytest.fixture
def spool(tmp_path: Path, clock: FakeClock) -> Spool:
    found = Spool(tmp_path / "spool", clock=clock)
    found.prepare()
    return found


def expired_items(spool: Spool, now: float, days: float) -> list[ExpiredItem]:
    return [item for item in retention.find_expired(spool, now, days) if item]


def purge(spool: Spool, expired: Iterable[ExpiredItem | None]) -> list[ExpiredItem]:
    return [item for item in retention.purge(spool, expired) if item]


def _purge(spool: Spool, clock: FakeClock, days: float = 7) -> list[ExpiredItem]:
    return purge(spool, expired_items(spool, clock.now, days))


def _age_all_files(spool: Spool) -> None:
    """Give all files and folders an old mtime, as those have that a job brings along."""
    for path in spool.root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (0, 0))


def test_rule_18_jobs_expire_by_the_completion_time_in_their_journal(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish, tree: Tree
) -> None:
    publish(spool, take(spool, "old.wav", "old.mp4"))
    spool.fail(take(spool, "bad.wav", "bad.mp4"), "No face.")
    clock.now += DAY
    publish(spool, take(spool, "new.wav", "new.mp4"))
    clock.now += 6 * DAY - 1
    assert expired_items(spool, clock.now, 7) == []
    clock.now += 1
    gone = _purge(spool, clock)
    assert {item.path.relative_to(spool.root).as_posix() for item in gone} == {
        "outbox/old.mp4", "outbox/old.json", "outbox/old.png", "done/old", "failed/bad",
    }  # fmt: skip
    assert {path.split("/")[1].split(".")[0] for path in tree(spool)} == {"new"}


def test_rule_18_mtimes_do_not_count(
    spool: Spool, clock: FakeClock, take: Take, tree: Tree
) -> None:
    job = take(spool)
    result = job.workspace / "result.mp4"
    result.write_bytes(b"lips in sync")
    _age_all_files(spool)
    spool.publish(job, result, {})
    os.utime(spool.finished, (0, 0))
    for record in spool.finished.iterdir():
        os.utime(record, (0, 0))
    before = tree(spool)
    assert _purge(spool, clock) == []
    assert tree(spool) == before
    clock.now += 8 * DAY
    assert len(_purge(spool, clock)) == 3
    assert tree(spool) == {}


def test_rule_18_inbox_processing_and_files_of_others_are_never_touched(
    spool: Spool,
    clock: FakeClock,
    take: Take,
    publish: Publish,
    drop: Callable[..., None],
    tree: Tree,
) -> None:
    publish(spool, take(spool))
    job = take(spool, "busy.wav", "busy.mp4")
    drop(spool, "lone.wav", "waiting.mp4")
    own = {path for path in spool.root.rglob("*") if path.is_file()}
    (spool.outbox / "mine.mp4").write_bytes(b"a user's")
    (spool.outbox / "talk.png").write_bytes(b"a user's own picture")
    (spool.done / "folder").mkdir()
    (spool.done / "folder" / "mine.mp4").write_bytes(b"a user's")
    (spool.failed / "file").write_bytes(b"a user's")
    (spool.logs / "notes.log").write_bytes(b"a user's")
    (spool.done / "empty").mkdir()
    (spool.failed / "empty" / "inner").mkdir(parents=True)
    for path in {path for path in spool.root.rglob("*") if path.is_file()} - own:
        os.utime(path, (0, 0))
    clock.now += 1000 * DAY
    gone = {item.path for item in _purge(spool, clock)}
    assert gone == {spool.outbox / "talk.mp4", spool.outbox / "talk.json", spool.done / "talk"}
    assert job.audio.is_file()
    assert (spool.outbox / "talk.png").read_bytes() == b"a user's own picture"
    assert {
        "inbox/lone.wav", "inbox/waiting.mp4", "done/folder/mine.mp4", "failed/file",
        "done/empty", "failed/empty/inner",
    } < set(tree(spool))  # fmt: skip


def test_rule_18_nothing_is_reached_through_a_link(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish, tmp_path: Path
) -> None:
    publish(spool, take(spool))
    elsewhere = tmp_path / "elsewhere"
    (spool.done / "talk").rename(elsewhere)
    (spool.done / "talk").symlink_to(elsewhere)
    (spool.cache / "templates").symlink_to(elsewhere)
    clock.now += 8 * DAY
    assert {item.kind for item in _purge(spool, clock)} == {"result", "inputs"}
    assert (spool.done / "talk").is_symlink()
    assert (elsewhere / "talk.wav").is_file()
    assert (elsewhere / "job.json").is_file()


def test_rule_18_without_the_sentinel_nothing_is_touched(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish, tree: Tree
) -> None:
    publish(spool, take(spool))
    clock.now += 8 * DAY
    expired = expired_items(spool, clock.now, 7)
    assert expired
    spool.sentinel.unlink()
    before = tree(spool)
    assert expired_items(spool, clock.now, 7) == []
    assert purge(spool, expired) == []
    assert tree(spool) == before


def test_a_retention_of_zero_keeps_everything(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    publish(spool, take(spool))
    assert expired_items(spool, clock.now + 1e9, 0) == []


def test_find_expired_changes_nothing_and_purge_deletes_what_it_found(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish, tree: Tree
) -> None:
    publish(spool, take(spool))
    spool.fail(take(spool), "No face.")
    clock.now += 8 * DAY
    before = tree(spool)
    expired = expired_items(spool, clock.now, 7)
    assert tree(spool) == before
    sizes = {item.kind: item.size_bytes for item in expired}
    assert sizes["inputs"] > 0
    assert purge(spool, expired) == expired
    assert expired_items(spool, clock.now, 7) == []


def test_a_job_that_took_the_name_of_an_expired_one_is_kept(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish
) -> None:
    spool.fail(take(spool), "No face.")
    clock.now += 8 * DAY
    expired = expired_items(spool, clock.now, 7)
    spool.ended.remove("talk")
    folder = spool.fail(take(spool), "Still no face.")
    assert purge(spool, expired) == []
    assert (folder / "talk.wav").is_file()


def test_a_collected_result_does_not_keep_its_inputs(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish, tree: Tree
) -> None:
    publish(spool, take(spool))
    (spool.outbox / "talk.mp4").unlink()
    clock.now += 8 * DAY
    _purge(spool, clock)
    assert tree(spool) == {}


def test_caches_expire_by_their_last_use(spool: Spool, clock: FakeClock) -> None:
    templates = spool.cache / "templates"
    for name, used in (("old", clock.now - 8 * DAY), ("fresh", clock.now - DAY)):
        (templates / name).mkdir(parents=True)
        (templates / name / "track.npy").write_bytes(bytes(1000))
        (templates / name / "used").write_text(f"{used:.0f}\n")
    (item,) = expired_items(spool, clock.now, 7)
    assert (item.path.name, item.kind) == ("old", "cache")
    assert item.size_bytes >= 1000
    assert purge(spool, [item]) == [item]
    assert [path.name for path in templates.iterdir()] == ["fresh"]


def test_a_cache_used_after_it_was_found_is_kept(spool: Spool, clock: FakeClock) -> None:
    entry = spool.cache / "templates" / "entry"
    entry.mkdir(parents=True)
    (entry / "used").write_text("1000\n")
    expired = expired_items(spool, clock.now, 7)
    (entry / "used").write_text(f"{clock.now:.0f}\n")
    assert purge(spool, expired) == []
    assert entry.is_dir()


def test_a_cache_without_a_record_expires_from_the_first_purge(
    spool: Spool, clock: FakeClock
) -> None:
    draft = spool.cache / "templates" / ".draft.123"
    draft.mkdir(parents=True)
    assert _purge(spool, clock) == []
    assert expired_items(spool, clock.now + 6.9 * DAY, 7) == []
    clock.now += 7 * DAY
    assert [item.path for item in _purge(spool, clock)] == [draft]


def test_rule_18_old_logs_expire_by_the_day_in_their_names(spool: Spool, clock: FakeClock) -> None:
    def of(days_ago: int) -> Path:
        day = datetime.fromtimestamp(clock.now) - timedelta(days=days_ago)
        path = spool.logs / f"heygem-daemon.log.{day:%Y-%m-%d}"
        path.touch()
        return path

    old = [of(20), of(9)]
    for kept in (
        of(6),
        of(1),
        spool.logs / "heygem-daemon.log",
        spool.logs / "notes.log.2020-01-01",
    ):
        kept.touch()
    _age_all_files(spool)
    assert {item.path for item in _purge(spool, clock)} == set(old)


def test_rule_18_done_that_became_a_link_is_left_alone(
    spool: Spool, clock: FakeClock, take: Take, publish: Publish, tmp_path: Path
) -> None:
    publish(spool, take(spool))
    elsewhere = tmp_path / "elsewhere"
    spool.done.rename(elsewhere)
    spool.done.symlink_to(elsewhere)
    clock.now += 8 * DAY
    before = set(spool.outbox.iterdir())
    with pytest.raises(SpoolUnavailable, match=r"/done was replaced by a link"):
        _purge(spool, clock)
    with pytest.raises(SpoolUnavailable, match=r"/done was replaced by a link"):
        _purge(Spool(spool.root, clock), clock)
    assert (elsewhere / "talk" / "talk.wav").is_file()
    assert set(spool.outbox.iterdir()) == before


def test_a_cache_that_a_running_job_uses_is_kept(spool: Spool, clock: FakeClock) -> None:
    entry = spool.cache / "templates" / "entry"
    entry.mkdir(parents=True)
    (entry / "used").write_text(f"{clock.now:.0f}\n")
    started, clock.now = clock.now - 5, clock.now + 8 * DAY
    assert [*filter(None, retention.find_expired(spool, clock.now, 7, busy_since=started))] == []
    assert [item.path for item in expired_items(spool, clock.now, 7)] == [entry]


def test_a_cache_is_renamed_before_it_is_deleted(
    spool: Spool,
    clock: FakeClock,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type,
) -> None:
    entry = spool.cache / "templates" / "entry"
    entry.mkdir(parents=True)
    (entry / "used").write_text("0\n")
    (entry / "track.npy").write_bytes(b"track")
    dying = Spool(spool.root, clock, files=killing_disk(2, True))
    with pytest.raises(killed):
        purge(dying, expired_items(spool, clock.now, 7))
    assert not entry.exists()
    assert len(list(entry.parent.iterdir())) == 1
    _purge(spool, clock)
    assert list(entry.parent.iterdir()) == []


JOBS = st.fixed_dictionaries(
    {
        "days": st.integers(0, 14),
        "failed": st.booleans(),
        "collected": st.booleans(),
        "replaced": st.booleans(),
        "other_files": st.booleans(),
    }
)
CACHES = st.tuples(st.integers(0, 14), st.booleans())


@pytest.mark.usefixtures("no_sync")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(jobs=st.lists(JOBS, max_size=5), kept=st.lists(CACHES, max_size=3), days=st.integers(1, 14))
def test_find_expired_lists_exactly_what_a_purge_deletes(
    tmp_path_factory: pytest.TempPathFactory,
    take: Take,
    publish: Publish,
    jobs: list[dict[str, int]],
    kept: list[tuple[int, bool]],
    days: int,
) -> None:
    clock = FakeClock(1_795_000_000.0)
    spool = Spool(tmp_path_factory.mktemp("spool"), clock=clock)
    spool.prepare()
    started = clock.now
    for number, job in enumerate(jobs):
        clock.now = started + job["days"] * DAY
        _finish(spool, take, publish, f"talk {number}", job)
    for number, (day, recorded) in enumerate(kept):
        entry = spool.cache / "templates" / str(number)
        entry.mkdir(parents=True)
        if recorded:
            (entry / "used").write_text(f"{started + day * DAY:.0f}\n")
    clock.now = started + 14 * DAY
    expired, before = expired_items(spool, clock.now, days), set(spool.root.rglob("*"))
    assert purge(spool, retention.find_expired(spool, clock.now, days)) == expired
    gone = {path for path in before if not os.path.lexists(path)}
    expired_paths = {path for item in expired for path in item.paths}
    assert {path for path in gone if spool.cache not in path.parents} == {
        path for path in expired_paths if spool.cache not in path.parents
    }
    assert {path for path in gone if path.parent.parent == spool.cache} == {
        path for path in expired_paths if spool.cache in path.parents
    }
    young = {f"talk {n}" for n, job in enumerate(jobs) if 14 - job["days"] < days}
    assert young <= {path.name for part in (spool.done, spool.failed) for path in part.iterdir()}


def _finish(spool: Spool, take: Take, publish: Publish, name: str, how: dict[str, int]) -> None:
    job = take(spool, f"{name}.wav", f"{name}.mp4")
    if how["failed"]:
        spool.fail(job, "No face.")
    else:
        publish(spool, job)
        if how["collected"]:
            (spool.outbox / f"{name}.mp4").unlink()
        if how["replaced"]:
            (spool.outbox / f"{name}.png").write_bytes(b"a user's own")
    if how["other_files"]:
        parent = spool.failed if how["failed"] else spool.done
        (parent / name / "notes.txt").write_bytes(b"a user's")
