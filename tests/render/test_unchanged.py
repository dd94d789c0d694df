"""Inputs that a program still writes while their job is rendered."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput, EnvironmentFault, Interrupted, SpoolUnavailable
from heygem_daemon.render.unchanged import require_unchanged


def _append(file: Path) -> None:
    with file.open("ab") as grown:
        grown.write(b"more")


def _rewrite(file: Path) -> None:
    size = file.stat().st_size
    file.write_bytes(bytes(size))
    os.utime(file, ns=(1, 1))


def _exchange(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    other.replace(file)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    names = [tmp_path / "talk.wav", tmp_path / "talk.mp4"]
    for name in names:
        name.write_bytes(b"content")
    return names


def test_files_that_stay_as_they_are_change_nothing(files: list[Path]) -> None:
    with require_unchanged(files):
        files[0].read_bytes()
    with pytest.raises(ValueError, match="a bug"), require_unchanged(files):
        raise ValueError("a bug")


@pytest.mark.parametrize("change", [_append, _rewrite, _exchange])
@pytest.mark.parametrize("error", [None, ValueError("the sound is 9 s long, not 3 s")])
def test_a_file_that_changes_is_bad_input_and_no_bug(
    files: list[Path], change: Callable[[Path], None], error: Exception | None
) -> None:
    with (
        pytest.raises(BadInput, match=r"talk\.mp4 was changed while it was rendered") as refused,
        require_unchanged(files),
    ):
        change(files[1])
        if error is not None:
            raise error
    assert refused.value.__cause__ is error


def test_a_file_that_is_gone_is_no_change(files: list[Path]) -> None:
    """So is each file of a share that was lost; the job may end well all the same."""
    with require_unchanged(files):
        files[1].unlink()
    with pytest.raises(OSError, match="Stale file handle") as raised, require_unchanged(files):
        files[0].unlink()
        raise OSError(errno.ESTALE, "Stale file handle")
    assert raised.value.errno == errno.ESTALE


@pytest.mark.parametrize("error", [Interrupted(""), SpoolUnavailable("away"), BadInput("no face")])
def test_a_stop_a_fault_and_a_refusal_stay_what_they_are(
    files: list[Path], error: EnvironmentFault | Interrupted | BadInput
) -> None:
    with pytest.raises(type(error)) as raised, require_unchanged(files):
        _append(files[0])
        raise error
    assert raised.value is error
