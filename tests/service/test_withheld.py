"""A user who withholds the files of his own batch harms nobody else, and his batch has an end."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.protocol import Refused, Render
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.batch import claim
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.layout import SpoolLayout
from tests.fakes.accounts import without_rights
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness

ANNA = 70_002
MEMBERS = [f"{number}.{kind}" for number in range(8) for kind in ("wav", "mp4")]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


def drop_batch(harness: ServiceHarness, mode: int) -> Path:
    harness.spool.prepare()
    folder = harness.drop_batch("show", *MEMBERS)
    (folder / "job.toml").write_text("crf = 20\n")
    for path in (folder, *folder.iterdir()):
        os.chown(path, ANNA, ANNA)
    folder.chmod(mode)
    return folder


def run(harness: ServiceHarness, service: Service, seconds: float) -> None:
    with without_rights():
        harness.run_rounds(service, seconds)


def run_until(
    harness: ServiceHarness, service: Service, is_so: Callable[[], bool], limit: float
) -> None:
    """Run until something is so. It must be within ``limit`` seconds of the fake clock."""
    end = harness.clock.now + limit
    while not is_so():
        assert harness.clock.now < end
        run(harness, service, 5.0)


def assert_others_are_served(harness: ServiceHarness, service: Service) -> None:
    """Check that nothing is on hold, also after a restart, and that another pair is rendered."""
    harness.drop("other.wav", "other.mp4")
    run(harness, service, 120.0)
    assert "other.mp4" in harness.outbox()
    assert harness.status().hold is None
    harness.kill(service)
    again = harness.service()
    run(harness, again, 60.0)
    assert harness.status().hold is None
    harness.kill(again)


def refuse_show(render: Render) -> Messages:
    if Path(render.video).read_bytes() == b"other.mp4":
        return rendered(render)
    return [Refused(job_id=render.job_id, reason="There is no face.")]


def test_a_folder_whose_files_cannot_be_moved_stays_in_the_inbox(harness: ServiceHarness) -> None:
    folder = drop_batch(harness, 0o1777)
    service = harness.service()
    run(harness, service, 120.0)
    reasons = {each.name: each.reason for each in harness.status().inbox}
    assert "without the sticky bit" in reasons["show"]
    assert (harness.processing(), harness.status().hold) == (0, None)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*MEMBERS, "job.toml"])
    assert_others_are_served(harness, service)
    folder.chmod(0o777)
    service = harness.service()
    run_until(harness, service, (harness.spool.outbox / "show" / "show.zip").is_file, 240.0)


def test_members_that_fail_beside_a_sidecar_that_cannot_be_read(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse_show
    (drop_batch(harness, 0o777) / "job.toml").chmod(0)
    service = harness.service()
    run_until(harness, service, lambda: harness.failed() == ["show"], 120.0)
    run_until(harness, service, lambda: harness.processing() == 0, 120.0)
    failed = sorted(path.name for path in (harness.spool.failed / "show").iterdir())
    assert failed == [str(number) for number in range(8)]
    assert harness.processing() == 0
    assert_others_are_served(harness, service)


@pytest.mark.parametrize("mode", [0, 0o555, 0o1777])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_folder_that_is_withheld_after_its_claim(
    harness: ServiceHarness, mode: int, restarts: bool
) -> None:
    drop_batch(harness, 0o777)
    service = harness.service()
    while not harness.processing():
        run(harness, service, 0.25)
    (claimed,) = harness.spool.processing.iterdir()
    (claimed / "inputs").chmod(mode)
    if restarts:
        harness.kill(service)
        service = harness.service()
    run_until(harness, service, lambda: harness.processing() == 0, 2000.0)
    kept = [path for part in (harness.spool.done, harness.spool.failed) for path in part.rglob("*")]
    assert len([path for path in kept if path.suffix in {".wav", ".mp4"}]) >= len(MEMBERS)
    assert_others_are_served(harness, service)


@pytest.mark.parametrize("mode", [0, 0o444, 0o555])
def test_a_folder_that_is_withheld_in_the_moment_of_its_claim(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    drop_batch(harness, 0o777)
    identify = claim.identify_members

    def withhold(layout: SpoolLayout, files: FileOperations, batch: Batch, *more: Any) -> Batch:
        batch.inputs.chmod(mode)
        return identify(layout, files, batch, *more)

    monkeypatch.setattr(claim, "identify_members", withhold)
    service = harness.service()
    holds = set()
    for _ in range(80):
        run(harness, service, 0.25)
        holds.add(harness.status().hold)
    monkeypatch.undo()
    assert holds == {None}
    assert harness.processing() == 0
    assert_others_are_served(harness, service)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOKEY, errno.EDQUOT])
def test_a_folder_whose_attributes_keep_its_files_out(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whoever owns a folder can give it a project of its own (on XFS), or encrypt it: files of the
    daemon's other folders can then not be moved into it."""
    drop_batch(harness, 0o777)
    rename = FileOperations.rename

    def keep_out(files: FileOperations, source: Path, target: Path) -> None:
        if target.parent.name == "inputs":
            raise OSError(number, os.strerror(number), str(source), None, str(target))
        rename(files, source, target)

    monkeypatch.setattr(FileOperations, "rename", keep_out)
    service = harness.service()
    holds = set()
    for _ in range(200):
        run(harness, service, 5.0)
        holds.add(harness.status().hold)
    assert holds == {None}
    assert harness.processing() == 0
    kept = [path for part in (harness.spool.done, harness.spool.failed) for path in part.rglob("*")]
    assert len([path for path in kept if path.suffix in {".wav", ".mp4"}]) >= len(MEMBERS)
    assert_others_are_served(harness, service)
