"""A media file appears complete or not at all."""

import errno
import os
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.media.atomic_output import atomic_output


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    with atomic_output(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert temporary.suffix == ".mp4"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_text("old")
    with pytest.raises(KeyError), atomic_output(target) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.ESTALE, errno.EROFS])
def test_failing_storage_is_no_fault_of_the_job(tmp_path: Path, code: int) -> None:
    with pytest.raises(SpoolUnavailable, match=r"a\.mp4"), atomic_output(tmp_path / "a.mp4"):
        raise OSError(code, os.strerror(code))


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError), atomic_output(tmp_path / "a.mp4"):
        raise InterruptedError(errno.EINTR, "interrupted")


def test_a_folder_that_is_gone_is_the_storage_s_fault(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable), atomic_output(tmp_path / "gone" / "a.mp4") as temporary:
        temporary.write_text("x")
