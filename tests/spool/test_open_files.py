"""Whether other programs hold a file."""

import os
from pathlib import Path

from heygem_daemon.spool.open_files import can_open, is_open_for_writing


def test_rule_9_an_unreadable_file_is_detected(tmp_path: Path) -> None:
    held = tmp_path / "held.wav"
    held.touch(mode=0)
    assert can_open(held) == os.access(held, os.R_OK)
    assert can_open(tmp_path / "gone.wav")


def test_rule_6_a_reader_is_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"whole")
    with path.open("rb"):
        assert not is_open_for_writing(path)
    assert not is_open_for_writing(tmp_path / "none")
