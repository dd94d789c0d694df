"""A retry of many members goes in steps, and goes on where it was interrupted."""

import errno
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import record_names
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.steps import finish
from tests.spool.conftest import Disk

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Tree = Callable[[Spool], dict[str, bytes | None]]

COUNT = 6
KINDS = {"failed": "bad-", "published": "good-"}


class CountingDisk(Disk):
    """Counts the file operations."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def before(self, step: str, number: int, path: Path) -> None:
        self.count += 1


def render(spool: Spool, fill: Fill, work: Work, kind: str, count: int) -> list[str]:
    """Finish a batch of pairs whose members all end like this. Return the records of what a retry
    takes."""
    stems = [f"{KINDS[kind]}{number}" for number in range(count)]
    names = [stem + end for stem in stems for end in (".wav", ".mp4")]
    work(spool, spool.batches.claim(fill(spool, "show", *names, job="crf = 20")))
    return record_names(spool, "failed" if kind == "failed" else "batch")


def begin(spool: Spool, records: list[str], options: Path | None = None) -> Batch:
    batch = finish(
        spool.ended.beginning_retry(records, "show", NewOptions(options) if options else None)
    )
    assert isinstance(batch, Batch)
    return batch


def returned(tree: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {path: data for path, data in tree.items() if path.startswith("inbox/")}


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_moves_the_files_of_one_member(
    tmp_path: Path, fill: Fill, work: Work, tree: Tree, kind: str
) -> None:
    most = []
    for count in (COUNT, 3 * COUNT):
        spool = Spool(tmp_path / str(count), files=(disk := CountingDisk()))
        spool.prepare()
        batch = begin(spool, render(spool, fill, work, kind, count))
        steps, counts, before = spool.batches.retries.returning(batch), [], disk.count
        for _ in steps:
            counts.append(disk.count - before)
            before = disk.count
        assert len(counts) >= count
        most.append(max(counts))
        assert len(returned(tree(spool))) == 2 * count + 1
    assert most[0] == most[1]


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_at_once", [False, True])
def test_a_retry_killed_at_any_step_goes_on_and_brings_all_back_in_one_folder(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    tree: Tree,
    killing_disk: Callable[[int], FileOperations],
    killed: type[BaseException],
    kind: str,
    is_at_once: bool,
) -> None:
    for step in itertools.count():
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        records = render(spool, fill, work, kind, 3)
        options = spool.inbox / "show.retry"
        options.write_text("crf = 30")
        try:
            disk = Spool(spool.root, files=killing_disk(step))
            finish(disk.batches.retries.returning(begin(disk, records, options)))
        except killed:
            again = Spool(spool.root)
            if is_at_once:
                assert again.recover() == []
            for batch in again.batches.retries.under_way():
                finish(again.batches.retries.returning(batch))
            assert again.recover() == []
        else:
            break
        found = returned(tree(spool))
        if "inbox/show.retry" in found:
            assert list(found) == ["inbox/show.retry"]
            continue
        stems = [f"{KINDS[kind]}{number}" for number in range(3)]
        names = [stem + end for stem in stems for end in (".wav", ".mp4")]
        assert set(found) == {f"inbox/show/{name}" for name in (*names, "job.toml")}
        assert found["inbox/show/job.toml"] == b"crf = 30"
        assert [*spool.processing.iterdir()] == []
    assert step > 15


@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("asked", ["show", "show/2"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_that_a_fault_ends_at_any_step_goes_on_and_takes_nothing_twice(
    tmp_path: Path,
    fill: Fill,
    work: Work,
    tree: Tree,
    faulty_disk: Callable[[int, int], FileOperations],
    kind: str,
    asked: str,
) -> None:
    """The members share a sound."""
    videos = [f"{KINDS[kind]}{number}.mp4" for number in (1, 2)]
    expected = None
    for step in itertools.count(-1):
        spool = Spool(tmp_path / str(step))
        spool.prepare()
        work(spool, spool.batches.claim(fill(spool, "show", "talk.wav", *videos)))
        records = record_names(spool, "failed" if kind == "failed" else "batch")
        chosen = records if asked == "show" else records[-1:]
        batch = finish(spool.ended.beginning_retry(chosen, asked.replace("2", KINDS[kind] + "2")))
        assert isinstance(batch, Batch)
        retries = Spool(spool.root, files=faulty_disk(step, errno.EIO)).batches.retries
        has_failed = False
        try:
            finish(retries.returning(batch))
        except SpoolUnavailable:
            has_failed = True
            finish(retries.returning(batch))
        found = returned(tree(spool))
        expected = expected or found
        assert (found, [*spool.processing.iterdir()]) == (expected, [])
        if step > 0 and not has_failed:
            break
    assert step > 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_of_the_same_members_goes_on_with_the_one_that_was_interrupted(
    spool: Spool, fill: Fill, work: Work, tree: Tree, kind: str
) -> None:
    batch = begin(spool, render(spool, fill, work, kind, COUNT))
    steps = spool.batches.retries.returning(batch)
    for _ in range(COUNT // 2):
        next(steps)
    steps.close()
    assert spool.batches.unfinished() == []
    assert Spool(spool.root).retry("show") == "show"
    assert len(returned(tree(spool))) == 2 * COUNT + 1
    assert [path.name for path in spool.inbox.iterdir()] == ["show"]


def test_a_deletion_goes_in_steps(spool: Spool, fill: Fill, work: Work) -> None:
    records = render(spool, fill, work, "published", 3 * COUNT)
    steps = spool.ended.removing(records, "show")
    assert len(list(steps)) >= 2
    assert [*spool.outbox.iterdir(), *spool.done.iterdir()] == []


def test_the_closing_of_a_batch_goes_in_steps(
    tmp_path: Path, fill: Fill, end: Callable[[Spool, Job], None]
) -> None:
    most = []
    for count in (60, 120):
        spool = Spool(tmp_path / str(count), files=(disk := CountingDisk()))
        spool.prepare()
        names = [f"bad{number}{suffix}" for number in range(count) for suffix in (".wav", ".mp4")]
        batch = spool.batches.claim(fill(spool, "show", *names))
        for job in spool.batches.pending_jobs(batch):
            end(spool, job)
        counts, before = [], disk.count
        for _ in spool.batches.closing(batch):
            counts.append(disk.count - before)
            before = disk.count
        assert len(counts) >= count / 25
        assert [path.name for path in spool.done.iterdir()] == ["show (failed)"]
        most.append(max(counts))
    assert most[0] == most[1]
