"""After an attempt on a node of the cluster, the job's workspace is another one."""

import pytest

from heygem_daemon.protocol import Rendered
from heygem_daemon.service.outputs import ForeignOutput, check_outputs
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from tests.spool.conftest import Publish, Take

PIECE = f"track-{16 * 'a'}-00007.faces"


def on_node(spool: Spool, job: Job) -> Job:
    """Begin an attempt on a node, which finishes a chunk and leaves another one half done."""
    job = spool.begin_attempt(job, "anna")
    for name in ("segment-00000.mp4", "segment-00001.mp4.part", "plan.json", "lock-00001", PIECE):
        (job.workspace / name).write_bytes(name.encode())
    (job.workspace / "scratch").mkdir()
    return job


def rendered_in(job: Job) -> Rendered:
    """Return what a worker says that has rendered the job."""
    result, report = job.workspace / "result.mp4", job.workspace / "report.json"
    return Rendered(job_id=job.id, result=str(result), report=str(report))


def test_the_workspace_stays_on_this_machine(spool: Spool, take: Take) -> None:
    job = take(spool)
    assert spool.begin_attempt(job).workspace == job.workspace
    assert job.journal.lease == 0


def test_chunks_move_to_a_new_workspace_and_nothing_else_does(spool: Spool, take: Take) -> None:
    before = on_node(spool, take(spool))
    after = spool.begin_attempt(before)
    assert after.journal.lease == 1
    assert after.journal.node == ""
    kept = sorted(path.name for path in after.workspace.iterdir())
    assert kept == ["plan.json", "segment-00000.mp4", PIECE]
    assert [path.name for path in before.workspace.iterdir()] == [after.workspace.name]
    assert after.journal.chunks == 1


def test_each_attempt_on_a_node_is_followed_by_another_workspace(spool: Spool, take: Take) -> None:
    first = on_node(spool, take(spool))
    second = on_node(spool, first)
    third = spool.begin_attempt(second)
    assert [each.journal.lease for each in (first, second, third)] == [0, 1, 2]
    assert not second.workspace.exists()
    assert (third.workspace / "segment-00000.mp4").exists()


def test_a_late_result_of_a_node_is_not_accepted(spool: Spool, take: Take) -> None:
    before = on_node(spool, take(spool))
    late = rendered_in(before)
    after = spool.begin_attempt(before)
    (before.workspace / "result.mp4").write_bytes(b"late")
    with pytest.raises(ForeignOutput):
        check_outputs(after, late)
    check_outputs(after, rendered_in(after))


def test_what_a_node_writes_late_goes_with_the_job(
    spool: Spool, take: Take, publish: Publish
) -> None:
    before = on_node(spool, take(spool))
    after = spool.begin_attempt(before)
    (before.workspace / "result.mp4").write_bytes(b"late")
    publish(spool, after)
    assert (spool.outbox / "talk.mp4").read_bytes() == b"lips in sync"
    assert not list(spool.processing.iterdir())


def test_the_lease_outlives_the_daemon(spool: Spool, take: Take) -> None:
    on_node(spool, take(spool))
    (found,) = spool.recover()
    assert found.journal.node == "anna"
    assert spool.begin_attempt(found).journal.lease == 1
