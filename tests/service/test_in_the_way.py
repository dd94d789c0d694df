"""What a user puts in the place of a result or a summary concerns that batch alone."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.protocol import Render
from heygem_daemon.spool.blame import is_users_fault
from heygem_daemon.system.os_errors import IN_THE_WAY_ERRNOS
from tests.fakes.accounts import without_rights
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness

MALLORY = 70_003
MEMBERS = ["a.wav", "1.mp4", "2.mp4"]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


def put_folder(path: Path) -> None:
    path.mkdir()
    (path / "x").touch()


THINGS: dict[str, Callable[[Path], None]] = {
    "a folder": put_folder,
    "an empty folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a loop": lambda path: path.symlink_to(path.name),
    "a pipe": os.mkfifo,
    "a file that nobody may open": lambda path: path.touch(0o000),
}
PLACES = ["batch.json", "1.mp4", "1.json", "2.mp4", "show.zip"]


@only_root
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_put_in_the_way_of_a_batch_harms_nobody(
    harness: ServiceHarness, thing: str
) -> None:
    def attack(render: Render) -> Messages:
        outbox = harness.spool.outbox / "show"
        if Path(render.video).read_bytes() == b"2.mp4":  # in the middle of the batch
            for name in PLACES:
                path = outbox / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                THINGS[thing](path)
        return rendered(render)

    harness.executor.answer = attack
    harness.drop_batch("show", *MEMBERS)
    service = harness.service()
    with without_rights():
        harness.run_rounds(service, 120.0)
        harness.drop("other.wav", "other.mp4")
        harness.run_rounds(service, 60.0)
        assert "other.mp4" in harness.outbox()
        assert harness.status().hold is None
        assert harness.processing() == 0
        assert (harness.spool.done / "show" / "inputs" / "1.mp4").is_file()
        assert harness.logged("taken out of the outbox before the ZIP was made") == 1
        folders = thing in {"a folder", "an empty folder"}
        assert harness.logged("batch.json is not written") == folders
    harness.kill(service)


@only_root
def test_the_summary_may_be_blocked_when_the_daemon_starts(harness: ServiceHarness) -> None:
    batch = harness.spool
    batch.prepare()
    claimed = batch.batches.claim(harness.drop_batch("show", *MEMBERS))
    summary = batch.outbox / "show" / "batch.json"
    summary.unlink()
    put_folder(summary)
    service = harness.service()
    with without_rights():
        harness.run_rounds(service, 60.0)
    assert harness.status().hold is None
    assert not claimed.folder.exists()
    assert sorted(path.name for path in (batch.outbox / "show").glob("*.mp4")) == ["1.mp4", "2.mp4"]
    assert (batch.outbox / "show" / "show.zip").is_file()
    harness.kill(service)


@pytest.mark.parametrize("number", sorted(IN_THE_WAY_ERRNOS))
@pytest.mark.parametrize("place", ["outbox/show/1.mp4", "done/show/x", "failed/show/1", "inbox/x"])
def test_an_error_below_a_folder_of_users_concerns_one_item(
    tmp_path: Path, number: int, place: str
) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.touch()
    if os.geteuid() == 0:
        os.chown(path, MALLORY, MALLORY)
    folder = tmp_path / "processing" / "x"
    folder.mkdir(parents=True)
    error = OSError(number, os.strerror(number), str(folder / "y"), None, str(path))
    wrapped = SpoolUnavailable("it cannot be used")
    wrapped.__cause__ = error
    is_public = not place.startswith("inbox")
    assert is_users_fault(wrapped, folder) == is_public or os.geteuid() != 0


@pytest.mark.parametrize("part", ["outbox", "done", "failed"])
def test_rights_of_the_folders_themselves_are_the_operators(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "processing" / "x"
    for number in IN_THE_WAY_ERRNOS:
        error = OSError(number, os.strerror(number), str(tmp_path / part))
        assert not is_users_fault(error, folder)
