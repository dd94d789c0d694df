"""The pairing of audio, video and sidecar."""

import unicodedata
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.names import is_sidecar
from heygem_daemon.spool.pairing import Pairing, pair_files


def _entry(name: str, arrived: int = 0) -> FileEntry:
    return FileEntry(Path("/inbox") / name, media_kind(name), 1, 0, arrived, arrived, 0)


def _paired(*names: str) -> Pairing:
    entries = [_entry(name) for name in names]
    media = [entry for entry in entries if entry.kind is not None]
    return pair_files(media, [entry for entry in entries if entry.kind is None])


def test_same_stems_pair() -> None:
    pairing = pair_files([_entry("a.wav"), _entry("a.mp4"), _entry("b.mov"), _entry("c.mp3")])
    (pair,) = pairing.pairs
    assert (pair.name, pair.audio.name, pair.video.name) == ("a", "a.wav", "a.mp4")
    assert {entry.path.name for entry in pairing.lone_files} == {"b.mov", "c.mp3"}
    assert pairing.ambiguous_groups == ()


def test_a_photograph_is_a_face() -> None:
    (pair,) = pair_files([_entry("a.wav"), _entry("a.JPG")]).pairs
    assert (pair.audio.name, pair.video.name) == ("a.wav", "a.JPG")


def test_a_photograph_beside_a_video_is_its_thumbnail() -> None:
    pairing = pair_files([_entry("a.wav"), _entry("a.mp4"), _entry("a.jpg"), _entry("a.png")])
    assert [pair.video.name for pair in pairing.pairs] == ["a.mp4"]
    assert [entry.path.name for entry in pairing.thumbnails] == ["a.jpg", "a.png"]
    pairing = pair_files([_entry("a.mp4"), _entry("a.jpg")])
    assert (pairing.pairs, len(pairing.lone_files), len(pairing.thumbnails)) == ((), 1, 1)


def test_rule_17_a_mac_and_a_windows_client_may_each_send_one_half() -> None:
    mac = unicodedata.normalize("NFD", "Größe.mp4")
    (pair,) = pair_files([_entry("größe.WAV"), _entry(mac)]).pairs
    assert pair.video.name == mac


def test_pairs_come_in_the_order_of_their_completion() -> None:
    entries = [
        _entry("late.wav", 1), _entry("late.mp4", 9),
        _entry("early.wav", 3), _entry("early.mp4", 2),
    ]  # fmt: skip
    assert [pair.name for pair in pair_files(entries).pairs] == ["early", "late"]


def test_two_audios_for_one_video_are_ambiguous() -> None:
    pairing = pair_files([_entry("a.wav"), _entry("a.mp3"), _entry("a.mp4")])
    assert pairing.pairs == ()
    assert [[entry.path.name for entry in group] for group in pairing.ambiguous_groups] == [
        ["a.mp3", "a.mp4", "a.wav"]
    ]


def test_case_twins_pair_by_their_exact_names() -> None:
    entries = [_entry(name) for name in ("Talk.wav", "talk.wav", "talk.mp4", "Talk.mp4")]
    pairs = {(pair.audio.name, pair.video.name) for pair in pair_files(entries).pairs}
    assert pairs == {("Talk.wav", "Talk.mp4"), ("talk.wav", "talk.mp4")}


def test_a_sidecar_goes_with_its_pair() -> None:
    pairing = _paired("a.wav", "a.mp4", "A.TOML", "b.wav", "b.mp4", "c.toml")
    sidecars = {pair.name: pair.sidecar and pair.sidecar.name for pair in pairing.pairs}
    assert sidecars == {"a": "A.TOML", "b": None}
    assert [entry.path.name for entry in pairing.lone_sidecars] == ["c.toml"]
    assert pairing.pairs[0].files == {Path("/inbox") / n for n in ("a.wav", "a.mp4", "A.TOML")}


def test_a_mac_and_a_windows_client_may_each_send_one_part() -> None:
    mac = unicodedata.normalize("NFD", "Größe.toml")
    (pair,) = _paired("größe.WAV", "größe.mp4", mac).pairs
    assert pair.sidecar == Path("/inbox") / mac


def test_case_twins_each_take_the_sidecar_of_their_exact_name() -> None:
    names = ("Talk.wav", "Talk.mp4", "Talk.toml", "talk.wav", "talk.mp4", "talk.toml")
    found = {
        (pair.audio.stem, pair.sidecar and pair.sidecar.stem) for pair in _paired(*names).pairs
    }
    assert found == {("Talk", "Talk"), ("talk", "talk")}


def test_one_of_two_sidecars_has_the_exact_name_and_the_other_is_left_over() -> None:
    pairing = _paired("talk.wav", "talk.mp4", "TALK.toml", "talk.toml")
    (pair,) = pairing.pairs
    assert pair.sidecar == Path("/inbox/talk.toml")
    assert [entry.path.name for entry in pairing.lone_sidecars] == ["TALK.toml"]


def test_two_sidecars_for_one_pair_are_ambiguous() -> None:
    pairing = _paired("talk.wav", "talk.mp4", "TALK.toml", "Talk.toml")
    assert pairing.pairs == ()
    (group,) = pairing.ambiguous_groups
    assert len(group) == 4


stems = st.sampled_from(["a", "A", "é", "e\u0301", "b", "b.c"])
extensions = st.sampled_from([".wav", ".mp3", ".mp4", ".mov", ".WAV", ".toml", ".Toml"])


@given(st.sets(st.tuples(stems, extensions).map("".join), max_size=14))
def test_every_entry_is_in_exactly_one_group(names: set[str]) -> None:
    pairing = _paired(*names)
    found = [path for pair in pairing.pairs for path in pair.files]
    found += [entry.path for entry in (*pairing.lone_files, *pairing.lone_sidecars)]
    found += [entry.path for group in pairing.ambiguous_groups for entry in group]
    assert sorted(found) == sorted(Path("/inbox") / name for name in names)
    for pair in pairing.pairs:
        assert (media_kind(pair.audio.name), media_kind(pair.video.name)) == ("audio", "video")
        assert pair.sidecar is None or is_sidecar(pair.sidecar.name)


def test_too_many_files_of_one_name_and_owner_are_not_paired() -> None:
    """Those of another owner are."""
    names = ("talk.wav", "talk.mp4", "talk.toml")
    crowd = [_entry(name) for name in (*names, "Talk.toml", "TALK.toml")]
    honest = [replace(_entry(name.title()), owner=7) for name in names]
    media = [each for each in (*crowd, *honest) if each.kind]
    sidecars = [each for each in (*crowd, *honest) if not each.kind]
    pairing = pair_files(media, sidecars, most_of_name=4)
    assert [{*pair.files} for pair in pairing.pairs] == [{each.path for each in honest}]
    assert [{*each} for each in pairing.crowds] == [{*crowd}]
    assert pairing.lone_sidecars == ()
    assert pairing.ambiguous_groups == ()
