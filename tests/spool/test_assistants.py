"""The folders of assistants: what is taken from them, and when nothing more can be written."""

from pathlib import Path

import pytest

from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from tests.spool.conftest import Take


@pytest.fixture
def job(spool: Spool, take: Take) -> Job:
    return spool.begin_attempt(take(spool))


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(folder.name.encode())


def test_each_assistant_has_a_folder_that_no_other_had(spool: Spool, job: Job) -> None:
    folders = {spool.assistants.open(job) for _ in range(3)}
    assert len(folders) == 3
    assert {each.parent for each in folders} == {job.workspace}


def test_only_finished_chunks_and_pieces_are_taken(spool: Spool, job: Job, tmp_path: Path) -> None:
    folder = spool.assistants.open(job)
    piece = f"track-{16 * 'a'}-00007.faces"
    fill(folder, "segment-00001.mp4", ".segment-00002.draft.mp4", "plan.json", "result.mp4")
    fill(folder, piece, f".{piece}", "track-00001.faces", f"tracking-{16 * 'a'}")
    (folder / "segment-00003.mp4").symlink_to(tmp_path)
    (folder / "segment-00004.mp4").mkdir()
    spool.assistants.take_finished(folder)
    taken = {path.name for path in job.workspace.iterdir() if path != folder}
    assert taken == {"segment-00001.mp4", piece}


def test_a_chunk_that_is_there_is_not_replaced(spool: Spool, job: Job) -> None:
    folder = spool.assistants.open(job)
    fill(job.workspace, "segment-00001.mp4")
    fill(folder, "segment-00001.mp4", "segment-00002.mp4")
    spool.assistants.close(folder)
    assert (job.workspace / "segment-00001.mp4").read_bytes() == job.workspace.name.encode()
    assert (job.workspace / "segment-00002.mp4").exists()


def test_after_its_end_nothing_can_be_written(spool: Spool, job: Job) -> None:
    folder = spool.assistants.open(job)
    fill(folder, "segment-00001.mp4", "scratch")
    spool.assistants.close(folder)
    with pytest.raises(FileNotFoundError):
        fill(folder, "segment-00002.mp4")
    assert [path.name for path in job.workspace.iterdir()] == ["segment-00001.mp4"]
    spool.assistants.close(folder)  # a second time, or after its job has ended


@pytest.mark.parametrize("node", ["", "anna"])
def test_the_next_attempt_leaves_no_folder_to_one_of_before(
    spool: Spool, take: Take, node: str
) -> None:
    """The daemon died, and a machine that is cut off draws on."""
    job = spool.begin_attempt(take(spool), node)
    folder = spool.assistants.open(job)
    fill(folder, "segment-00001.mp4")
    after = spool.begin_attempt(job)
    assert not folder.exists()
    assert [path.name for path in after.workspace.iterdir()] == ["segment-00001.mp4"]
