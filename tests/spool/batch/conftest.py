"""Folders to drop, and what the service does with the members."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.spool.batch.close import write_zip
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Tree = Callable[[Spool], dict[str, bytes | None]]


def written(spool: Spool, folder: str, *names: str, **texts: str) -> Path:
    target = spool.inbox / folder
    target.mkdir(exist_ok=True)
    for name in names:
        (target / name).write_bytes(b"content of " + name.encode(errors="surrogateescape"))
    for name, text in texts.items():
        (target / f"{name}.toml").write_text(text)
    return target


def end_member(spool: Spool, job: Job) -> None:
    """Publish the member, or fail it where its video or its sidecar is bad."""
    if "bad" in job.journal.video_name or job.journal.refusal:
        spool.fail(job, job.journal.refusal or "It is bad.", "Drop a good one.")
        return
    job = spool.begin_attempt(job)
    result = job.workspace / "result.mp4"
    result.write_bytes(b"speaking: " + job.audio.read_bytes() + b", " + job.video.read_bytes())
    spool.publish(job, result, {"name": job.name})


def close_batch(spool: Spool, batch: Batch) -> Batch:
    ends = spool.batches.final_journals(batch)
    missing: list[str] = []
    if any(end.published for end in ends.values()):
        target, files = spool.batches.prepare_zip(batch, ends)
        missing = write_zip(target, files, batch.journal.name, lambda: False)
    return spool.batches.close(batch, missing)


@pytest.fixture
def fill() -> Fill:
    """Drop a folder: names of files, and sidecars by their stems."""
    return written


@pytest.fixture
def end() -> Callable[[Spool, Job], None]:
    return end_member


@pytest.fixture
def work() -> Work:
    """All members to their ends, then the batch."""

    def worked(spool: Spool, batch: Batch) -> Batch:
        for job in spool.batches.pending_jobs(batch):
            end_member(spool, job)
        return close_batch(spool, batch)

    return worked


@pytest.fixture
def tree() -> Tree:
    """All files of users and results, with their content."""

    def listed(spool: Spool) -> dict[str, bytes | None]:
        parts = (spool.inbox, spool.processing, spool.outbox, spool.done, spool.failed)
        return {
            str(path.relative_to(spool.root)): path.read_bytes()
            for part in parts
            for path in part.rglob("*")
            if path.is_file()
        }

    return listed
