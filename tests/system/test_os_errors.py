"""The wording and classification of errors of the operating system."""

import errno
import os
from pathlib import Path

import pytest

from heygem_daemon.system.os_errors import FILE_ERRNOS, MEDIA_ERRNOS, describe_os_error

# Errors of NFS, CIFS, FUSE and 9p on Linux when the server is lost; of full and broken disks.
LOST = (errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.EHOSTUNREACH)
OTHERS = (errno.EXDEV, errno.EBUSY, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def _error(number: int, path: Path | None = None) -> OSError:
    return OSError(number, os.strerror(number), path and str(path))


@pytest.mark.parametrize("number", [*LOST, *OTHERS])
def test_rule_15_errors_of_disk_or_share_are_not_the_jobs_fault(number: int) -> None:
    assert number in FILE_ERRNOS
    assert number in MEDIA_ERRNOS


def test_errnos_that_ffmpeg_uses_itself_are_no_faults_of_the_disk() -> None:
    assert not {errno.EPERM, errno.EAGAIN} & MEDIA_ERRNOS


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EHOSTDOWN, "the share does not answer"),
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "lacks the permission"),
        (errno.ENOENT, "is its disk or share mounted?"),
        (errno.EBUSY, "a step failed"),
    ],
)
def test_the_clause_has_the_meaning_the_systems_text_and_the_path(
    tmp_path: Path, number: int, words: str
) -> None:
    clause = describe_os_error(_error(number, tmp_path / "caf\udce9"), tmp_path)
    assert words in clause
    assert os.strerror(number) in clause
    assert "caf" in clause
    clause.encode()


def test_an_error_without_a_path_is_described_too() -> None:
    assert describe_os_error(_error(errno.ENOSPC)) == "the disk is full (No space left on device)"
    assert describe_os_error(OSError("odd")) == "a step failed (odd)"
