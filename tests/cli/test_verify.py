"""``verify`` reads marks in a confined child process, and its exit status says what it found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heygem_daemon.cli.verify import describe
from heygem_daemon.media.image_files import write_png
from heygem_daemon.media.marking.findings import Findings, Mark
from heygem_daemon.media.marking.mark import mark_picture
from heygem_daemon.media.marking.record import AigcRecord

if TYPE_CHECKING:
    from tests.cli.conftest import Program

RECORD = AigcRecord("Example Media\x1b[31m", "0123")


def make_picture(path: Path, *, marked: bool = True) -> Path:
    write_png(path, np.full((8, 8, 3), 90, np.uint8))
    if marked:
        mark_picture(path, RECORD)
    return path


def test_a_marked_file_ends_with_status_0_and_names_the_producer(
    program: "Program", tmp_path: Path
) -> None:
    done = program("verify", str(make_picture(tmp_path / "a.png")))
    assert done.returncode == 0
    assert "marked as synthetic media" in done.stdout
    assert "by Example Media\\x1b[31m, number 0123" in done.stdout
    assert "unchanged" in done.stdout


def test_an_unmarked_file_ends_with_status_1(program: "Program", tmp_path: Path) -> None:
    done = program("verify", str(make_picture(tmp_path / "a.png", marked=False)))
    assert (done.returncode, done.stdout) == (1, "not marked as synthetic media\n")


def test_a_changed_file_ends_with_status_1_and_says_so(program: "Program", tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.png")
    path.write_bytes(path.read_bytes().replace(b"0123", b"0124"))
    done = program("verify", "--json", str(path))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["marked"], found["changed"]) == (True, True)
    assert found["marks"][0]["place"] == "XMP"


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("x"), lambda _path: 0])
def test_what_is_no_medium_ends_with_status_1_and_a_reason(
    program: "Program", tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "a.mp4")
    done = program("verify", str(tmp_path / "a.mp4"))
    assert done.returncode == 1
    assert "a.mp4" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_record_without_our_checksum_is_neither_changed_nor_unchanged() -> None:
    mark = Mark("AIGC", "1", "another", "7", None)
    assert "unknown" in describe(Findings((mark,), None))[-1]
