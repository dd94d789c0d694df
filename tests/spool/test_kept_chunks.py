"""What is kept of a failed job's chunks."""

from collections.abc import Callable
from pathlib import Path

from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.kept_chunks import FOLDER
from heygem_daemon.spool.spool import Spool

Drop = Callable[..., None]
FirstPair = Callable[[Spool], Pair]


def kept_names(spool: Spool) -> set[str]:
    """Return the names of the files that are kept of all failed jobs."""
    found = (spool.cache / FOLDER).rglob("*")
    return {path.name for path in found if path.is_file()}


def test_half_a_file_of_a_killed_worker_is_not_kept(
    spool: Spool, drop: Drop, first_pair: FirstPair
) -> None:
    drop(spool)
    job = spool.begin_attempt(spool.claim(first_pair(spool)))
    for name in ("segment-00000.mp4", "plan.json", ".segment-00001.draft.mp4", ".result.draft.mp4"):
        Path(job.workspace, name).write_bytes(b"x")
    spool.fail(job, "No.")
    assert {"segment-00000.mp4", "plan.json"} <= kept_names(spool)
    assert not [name for name in kept_names(spool) if name.startswith(".")]


def test_a_job_without_a_finished_chunk_leaves_nothing(
    spool: Spool, drop: Drop, first_pair: FirstPair
) -> None:
    drop(spool)
    job = spool.begin_attempt(spool.claim(first_pair(spool)))
    Path(job.workspace, ".segment-00000.draft.mp4").write_bytes(b"x")
    spool.fail(job, "No.")
    assert not kept_names(spool)
