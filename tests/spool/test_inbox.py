import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.inbox import Entry, Snapshot, can_open, pair_up, scan
from heygem_daemon.spool.names import kind_of


def _entry(name: str, arrived: int = 0) -> Entry:
    kind = kind_of(name)
    assert kind is not None
    return Entry(Path("/inbox") / name, kind, 1, 0, arrived, arrived, 0)


def _names(snapshot: Snapshot) -> set[str]:
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
    assert set(snapshot.strangers) == {"link.wav", "dangling.mp4", "pipe.mp4", "notes.txt"}
    assert snapshot.folders == ("folder.mp4",)


def test_rule_8_litter_is_not_even_mentioned(tmp_path: Path) -> None:
    for name in (".talk.mp4", "talk.mp4.part", "Thumbs.db", "._talk.wav"):
        (tmp_path / name).touch()
    (tmp_path / "@eaDir").mkdir()
    assert scan(tmp_path) == Snapshot((), frozenset())


def test_ready_markers_name_what_is_complete(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4.ready").touch()
    (tmp_path / "song.ready").write_text("done\n")
    (tmp_path / "big.ready").write_bytes(bytes(5000))
    snapshot = scan(tmp_path)
    assert snapshot.ready == {"talk.mp4", "song"}
    assert snapshot.strangers == ("big.ready",)


def test_undecodable_names_are_found_and_can_be_opened(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    (entry,) = scan(tmp_path).entries
    assert os.fsencode(entry.path) == raw
    assert can_open(entry.path)


def test_a_missing_inbox_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable):
        scan(tmp_path / "gone")


def test_rule_9_a_file_that_may_not_be_read_is_told_apart(tmp_path: Path) -> None:
    held = tmp_path / "held.wav"
    held.touch(mode=0)
    assert can_open(held) == os.access(held, os.R_OK)
    assert can_open(tmp_path / "gone.wav")


def test_same_stems_pair() -> None:
    pairing = pair_up([_entry("a.wav"), _entry("a.mp4"), _entry("b.mov"), _entry("c.mp3")])
    (pair,) = pairing.pairs
    assert (pair.name, pair.audio.name, pair.video.name) == ("a", "a.wav", "a.mp4")
    assert {entry.path.name for entry in pairing.lone} == {"b.mov", "c.mp3"}
    assert pairing.ambiguous == ()


def test_rule_17_a_mac_and_a_windows_client_may_each_send_one_half() -> None:
    mac = unicodedata.normalize("NFD", "Größe.mp4")
    (pair,) = pair_up([_entry("größe.WAV"), _entry(mac)]).pairs
    assert pair.video.name == mac


def test_pairs_come_in_the_order_of_their_completion() -> None:
    entries = [
        _entry("late.wav", 1), _entry("late.mp4", 9),
        _entry("early.wav", 3), _entry("early.mp4", 2),
    ]  # fmt: skip
    assert [pair.name for pair in pair_up(entries).pairs] == ["early", "late"]


def test_two_audios_for_one_video_are_ambiguous() -> None:
    pairing = pair_up([_entry("a.wav"), _entry("a.mp3"), _entry("a.mp4")])
    assert pairing.pairs == ()
    assert [[entry.path.name for entry in group] for group in pairing.ambiguous] == [
        ["a.mp3", "a.mp4", "a.wav"]
    ]


def test_case_twins_pair_by_their_exact_names() -> None:
    entries = [_entry(name) for name in ("Talk.wav", "talk.wav", "talk.mp4", "Talk.mp4")]
    pairs = {(pair.audio.name, pair.video.name) for pair in pair_up(entries).pairs}
    assert pairs == {("Talk.wav", "Talk.mp4"), ("talk.wav", "talk.mp4")}


stems = st.sampled_from(["a", "A", "é", "e\u0301", "b", "b.c"])
extensions = st.sampled_from([".wav", ".mp3", ".mp4", ".mov", ".WAV"])


@given(st.sets(st.tuples(stems, extensions).map("".join), max_size=12))
def test_every_entry_is_in_exactly_one_group(names: set[str]) -> None:
    entries = [_entry(name) for name in names]
    pairing = pair_up(entries)
    found = [path for pair in pairing.pairs for path in (pair.audio, pair.video)]
    found += [entry.path for entry in pairing.lone]
    found += [entry.path for group in pairing.ambiguous for entry in group]
    assert sorted(found) == sorted(entry.path for entry in entries)
    for pair in pairing.pairs:
        assert (kind_of(pair.audio.name), kind_of(pair.video.name)) == ("audio", "video")
