"""Scans of the inbox."""

import os
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.inbox import FolderSnapshot, scan
from heygem_daemon.spool.open_files import can_open


def _names(snapshot: FolderSnapshot) -> set[str]:
    return {entry.path.name for entry in snapshot.entries}


def test_a_scan_finds_audio_and_video(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"12345")
    (tmp_path / "talk.MP4").touch()
    snapshot = scan(tmp_path)
    by_name = {entry.path.name: entry for entry in snapshot.entries}
    assert by_name["talk.wav"].kind == "audio"
    assert by_name["talk.wav"].size == 5
    assert by_name["talk.wav"].inode == (tmp_path / "talk.wav").stat().st_ino
    assert by_name["talk.MP4"].kind == "video"


def test_rule_13_links_pipes_and_folders_are_no_entries(tmp_path: Path) -> None:
    (tmp_path / "outside.wav").touch()
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "link.wav").symlink_to(tmp_path / "outside.wav")
    (inbox / "dangling.mp4").symlink_to("nowhere")
    os.mkfifo(inbox / "pipe.mp4")
    (inbox / "folder.mp4").mkdir()
    (inbox / "notes.txt").touch()
    snapshot = scan(inbox)
    assert snapshot.entries == ()
    assert set(snapshot.unsupported_files) == {"link.wav", "dangling.mp4", "pipe.mp4", "notes.txt"}
    assert snapshot.folders == ("folder.mp4",)


def test_entries_of_unchanged_files_are_reused(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        (tmp_path / name).write_bytes(b"x")
    before = scan(tmp_path)
    (tmp_path / "b.wav").write_bytes(b"longer")
    (tmp_path / "c.wav").unlink()
    (tmp_path / "d.wav").unlink()
    (tmp_path / "d.wav").symlink_to("a.wav")
    (tmp_path / "e.wav").touch()
    after = scan(tmp_path, before)
    assert after == scan(tmp_path)
    kept = {id(entry) for entry in before.entries} & {id(entry) for entry in after.entries}
    assert [entry.path.name for entry in after.entries if id(entry) in kept] == ["a.wav"]
    assert _names(after) == {"a.wav", "b.wav", "e.wav"}


def test_rule_8_ignored_files_are_not_in_the_snapshot(tmp_path: Path) -> None:
    for name in (".talk.mp4", "talk.mp4.part", "Thumbs.db", "._talk.wav"):
        (tmp_path / name).touch()
    (tmp_path / "@eaDir").mkdir()
    assert scan(tmp_path) == FolderSnapshot((), unfinished=("talk.mp4.part",))


def test_ready_markers_name_what_is_complete(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4.ready").touch()
    (tmp_path / "song.ready").write_text("done\n")
    (tmp_path / "big.ready").write_bytes(bytes(5000))
    snapshot = scan(tmp_path)
    assert snapshot.ready_names == {"talk.mp4", "song"}
    assert snapshot.unsupported_files == ("big.ready",)


def test_undecodable_names_are_found_and_can_be_opened(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    (entry,) = scan(tmp_path).entries
    assert os.fsencode(entry.path) == raw
    assert can_open(entry.path)


def test_a_missing_inbox_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable):
        scan(tmp_path / "gone")
