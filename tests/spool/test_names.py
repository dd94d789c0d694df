"""File names of users, and names made from them."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.spool.names import (
    MAX_STEM_BYTES,
    fold,
    free_name,
    is_ignored,
    is_sidecar,
    pair_key,
    printable,
    safe_name,
    split_extension,
)

raw_names = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_"))
file_names = st.one_of(
    st.text(min_size=1, max_size=80).filter(lambda name: "\0" not in name and "/" not in name),
    raw_names.map(os.fsdecode),
)


@pytest.mark.parametrize(
    "name",
    [
        "._talk.mp4", ".DS_Store", ".nfs0001", ".talk.mp4.Xa81Qz", "Thumbs.db", "desktop.ini",
        "~$talk.mp4", "talk.mp4~", "talk.mp4.part", "talk.mp4.filepart", "talk.mp4.crdownload",
        "talk.mp4.tmp", "talk.mp4.partial", "talk.mp4.download", "talk.mp4.aria2",
        "ehthumbs.db", "Icon\r", "TALK.MP4.PART", "@eaDir", ".stfolder", ".stversions", "__MACOSX",
        ".~tmp~", "#recycle", "$RECYCLE.BIN", "System Volume Information",
    ],
)  # fmt: skip
def test_rule_8_hidden_unfinished_and_system_files_are_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["talk.mp4", "-rf.mp4", "party.wav", "tmp.mp4", "a part.mov"])
def test_ordinary_names_are_not_ignored(name: str) -> None:
    assert not is_ignored(name)


def test_rule_17_names_match_across_normal_forms_and_case() -> None:
    decomposed = unicodedata.normalize("NFD", "Größe.mp4")
    assert decomposed != "Größe.mp4"
    assert pair_key(decomposed) == pair_key("größe.WAV") == pair_key("GRÖSSE.mov")


def test_different_stems_do_not_match() -> None:
    assert pair_key("talk.wav") != pair_key("talk2.mp4")
    assert pair_key("talk.final.wav") != pair_key("talk.mp4")


@given(st.text(max_size=60))
def test_folding_is_stable(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert fold(unicodedata.normalize("NFD", name)) == fold(unicodedata.normalize("NFC", name))


@given(file_names)
def test_rule_17_safe_names_can_stand_on_any_system(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert 0 < len(safe.encode()) <= MAX_STEM_BYTES + 1  # strict UTF-8: no surrogate is left
    assert not set(safe) & set(':<>|?*"/\\')
    assert safe == safe.strip(" ")
    assert not safe.startswith(".")
    assert not safe.endswith(".")
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in safe)
    assert not is_ignored(safe + ".mp4")
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("stem", "safe"),
    [
        ("talk", "talk"),
        ("新闻 2026", "新闻 2026"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ('a:b<c>d|e?f*g"h\\i', "a_b_c_d_e_f_g_h_i"),
        ("two\nlines", "two_lines"),
        ("ends in dots. . .", "ends in dots"),
        ("con", "_con"),
        ("LPT1.talk", "_LPT1.talk"),
        ("console", "console"),
        ("..", "unnamed"),
        ("caf\udce9", "caf%E9"),
        ("Cafe\u0301", "Café"),
        ("invoice\u202egpj", "invoice_gpj"),
    ],
)
def test_safe_names_stay_as_near_as_they_can(stem: str, safe: str) -> None:
    assert safe_name(stem) == safe


def test_a_255_byte_name_leaves_room_for_suffixes() -> None:
    safe = safe_name("é" * 125)
    assert len(f".{safe} (9999).mp4.part".encode()) <= 255
    assert set(safe) == {"é"}


def test_a_taken_name_is_counted_up() -> None:
    assert free_name("talk", []) == "talk"
    assert free_name("talk", ["talk"]) == "talk (2)"
    assert free_name("talk", ["talk", "talk (2)", "other"]) == "talk (3)"


def test_numbers_do_not_pile_up() -> None:
    assert free_name("talk (2)", ["talk (2)"]) == "talk (3)"
    assert free_name("talk (9)", ["talk (9)", "talk (10)"]) == "talk (11)"
    assert free_name("talk (2026)", ["talk (2026)"]) == "talk (2026) (2)"


def test_case_twins_collide_as_they_do_for_a_shares_clients() -> None:
    assert free_name("Talk", ["talk"]) == "Talk (2)"
    assert free_name("Größe", [unicodedata.normalize("NFD", "größe")]) == "Größe (2)"


@given(file_names, st.lists(file_names, max_size=5))
def test_a_free_name_is_free(name: str, taken: list[str]) -> None:
    assert fold(free_name(name, taken)) not in {fold(other) for other in taken}


@given(file_names)
def test_rule_17_any_name_can_be_logged(name: str) -> None:
    shown = printable(name)
    shown.encode()
    assert not set(shown) & set("\n\r\x1b\x85\u2028")


def test_undecodable_bytes_are_shown() -> None:
    assert printable(os.fsdecode(b"caf\xe9.mp4")) == "caf\\xe9.mp4"
    assert printable("two\nlines\u200b") == "two\\nlines\\u200b"


@pytest.mark.parametrize(
    ("name", "stem", "extension"),
    [
        ("talk.toml", "talk", ".toml"),
        ("talk.toml.txt", "talk", ".toml.txt"),
        ("Talk.TOML.TXT", "Talk", ".TOML.TXT"),
        ("talk.txt", "talk", ".txt"),
        (".toml.txt", ".toml.txt", ""),
    ],
)
def test_the_end_that_windows_adds_and_hides_belongs_to_a_sidecar(
    name: str, stem: str, extension: str
) -> None:
    assert split_extension(name) == (stem, extension)
    assert is_sidecar(name) == (".toml" in extension.lower())
