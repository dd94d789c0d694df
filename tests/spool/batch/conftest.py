"""Folders to drop, and the steps of the service from claim to close."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.results_zip import write_zip
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Tree = Callable[[Spool], dict[str, bytes | None]]


def drop_folder(spool: Spool, folder: str, *names: str, **texts: str) -> Path:
    target = spool.inbox / folder
    target.mkdir(exist_ok=True)
    for name in names:
        (target / name).write_bytes(b"content of " + name.encode(errors="surrogateescape"))
    for name, text in texts.items():
        (target / f"{name}.toml").write_text(text)
    return target


def end_member(spool: Spool, job: Job) -> None:
    """Publish the member; fail it if its video's name contains "bad" or its sidecar is wrong."""
    if "bad" in job.journal.video_name or job.journal.refusal:
        spool.fail(job, job.journal.refusal or "It is bad.", "Drop a good one.")
        return
    job = spool.begin_attempt(job)
    result = job.workspace / "result.mp4"
    result.write_bytes(b"speaking: " + job.audio.read_bytes() + b", " + job.video.read_bytes())
    spool.publish(job, result, {"name": job.name})


def close_batch(spool: Spool, batch: Batch) -> Batch:
    final_journals = spool.batches.final_journals(batch)
    missing: list[str] = []
    if any(end.published for end in final_journals.values()):
        target, files = spool.batches.prepare_zip(batch, final_journals)
        missing = write_zip(target, files, batch.journal.name, lambda: False)
    return spool.batches.close(batch, missing)


@pytest.fixture
def fill() -> Fill:
    """Drop a folder with files of these names, and sidecars with these stems and texts."""
    return drop_folder


@pytest.fixture
def end() -> Callable[[Spool, Job], None]:
    return end_member


@pytest.fixture
def work() -> Work:
    """Publish or fail all members, then close the batch."""

    def worked(spool: Spool, batch: Batch) -> Batch:
        for job in spool.batches.pending_jobs(batch):
            end_member(spool, job)
        return close_batch(spool, batch)

    return worked


@pytest.fixture
def tree() -> Tree:
    """Return the users' files and the results with their content."""

    def listed(spool: Spool) -> dict[str, bytes | None]:
        parts = (spool.inbox, spool.processing, spool.outbox, spool.done, spool.failed)
        return {
            str(path.relative_to(spool.root)): path.read_bytes()
            for part in parts
            for path in part.rglob("*")
            if path.is_file()
        }

    return listed
