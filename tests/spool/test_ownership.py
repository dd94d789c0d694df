"""Whose files belong together. Decided without the file system."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.spool.batch.roster import find_mixture_problem
from heygem_daemon.spool.deciders import TRUSTED as TRUSTED_USER
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import is_sidecar
from heygem_daemon.spool.ownership import (
    find_foreign_markers,
    folder_marker_counts,
    person_name,
    split_foreign_sidecars,
    user_name,
    user_names,
)
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.settle import Settler

ROOT, DAEMON, ANNA, MALLORY = 0, 70_001, 70_002, 70_003
TRUSTED = frozenset({ROOT, DAEMON})


def _entry(name: str, owner: int) -> FileEntry:
    return FileEntry(Path("/inbox") / name, media_kind(name), 1, 0, 0, 7, 1, owner)


def _paired(files: dict[str, int], own_sound: tuple[str, ...] = ()) -> Pairing:
    return pair_files(
        [_entry(name, owner) for name, owner in files.items() if not is_sidecar(name)],
        [_entry(name, owner) for name, owner in files.items() if is_sidecar(name)],
        own_sound={Path("/inbox") / name for name in own_sound},
        trusted=TRUSTED,
    )


def _folder(owner: int, files: dict[str, int]) -> FolderSnapshot:
    entries = tuple(_entry(name, each) for name, each in files.items())
    return FolderSnapshot(
        tuple(each for each in entries if each.kind),
        sidecars=tuple(each for each in entries if not each.kind),
        owner=owner,
    )


def _names(entries: tuple[FileEntry, ...]) -> list[str]:
    return [entry.path.name for entry in entries]


def test_halves_of_two_people_are_no_pair() -> None:
    found = _paired({"secret.wav": ANNA, "secret.mp4": MALLORY})
    assert (found.pairs, found.lone_files) == ((), ())
    assert list(map(_names, found.mixed_groups)) == [["secret.mp4", "secret.wav"]]


@pytest.mark.parametrize("other", ["talk.m4a", "talk.mov", "Talk.WAV", "talk.jpg"])
def test_a_strangers_file_of_the_same_name_changes_no_pair(other: str) -> None:
    found = _paired({other: MALLORY, "talk.wav": ANNA, "talk.mp4": ANNA})
    (pair,) = found.pairs
    assert (pair.audio.name, pair.video.name) == ("talk.wav", "talk.mp4")
    assert (found.ambiguous_groups, found.mixed_groups) == ((), ())
    assert _names(found.lone_files) == [other]


def test_a_strangers_sidecar_governs_no_pair() -> None:
    found = _paired({"inj.wav": ANNA, "inj.mp4": ANNA, "inj.toml": MALLORY})
    (pair,) = found.pairs
    assert pair.sidecar is None
    assert [(each.path.name, owner) for each, owner in found.foreign_sidecars] == [
        ("inj.toml", ANNA)
    ]
    assert found.lone_sidecars == ()


def test_a_strangers_sidecar_does_not_make_a_video_speak() -> None:
    found = _paired({"a.mp4": ANNA, "a.toml": MALLORY}, own_sound=("a.toml",))
    assert (found.pairs, _names(found.lone_files)) == ((), ["a.mp4"])


def test_a_strangers_sidecar_does_not_take_the_place_of_the_owners() -> None:
    found = _paired({"a.wav": ANNA, "a.mp4": ANNA, "a.toml": MALLORY, "A.toml": ANNA})
    (pair,) = found.pairs
    assert pair.sidecar == Path("/inbox/A.toml")


@pytest.mark.parametrize("operator", [ROOT, DAEMON])
def test_an_operators_sidecar_counts_for_everybody(operator: int) -> None:
    (pair,) = _paired({"a.wav": ANNA, "a.mp4": ANNA, "a.toml": operator}).pairs
    assert pair.sidecar == Path("/inbox/a.toml")


def test_where_one_owner_is_shown_for_all_nothing_changes() -> None:
    for owner in (ROOT, DAEMON, ANNA, 65_534):
        found = _paired(dict.fromkeys(("a.wav", "a.mp4", "a.toml"), owner))
        assert [len(pair.files) for pair in found.pairs] == [3]


@pytest.mark.parametrize("marker", ["slow", "slow.mp4"])
def test_a_strangers_marker_does_not_settle_an_upload(marker: str) -> None:
    file = _entry("slow.mp4", ANNA)

    def settled(owner: int) -> bool:
        settler = Settler(5.0)
        settler.trust(TRUSTED)
        snapshot = FolderSnapshot((file,), frozenset({marker}), marker_owners={marker: owner})
        return file.path in settler.observe(snapshot, 0.0).settled

    assert [settled(owner) for owner in (MALLORY, ANNA, ROOT, DAEMON)] == [False, True, True, True]


def test_a_marker_of_the_owner_counts_from_when_it_replaced_a_strangers() -> None:
    file, settler = _entry("slow.mp4", ANNA), Settler(50.0)
    for second, owner in enumerate((MALLORY, MALLORY, ANNA)):
        changed = replace(file, size=second)
        snapshot = FolderSnapshot((changed,), frozenset({"slow"}), marker_owners={"slow": owner})
        settled = settler.observe(snapshot, second).settled
    assert file.path in settled


def test_a_strangers_marker_is_named_with_both_owners() -> None:
    snapshot = FolderSnapshot(
        (_entry("slow.mp4", ANNA), _entry("talk.mp4", ANNA), _entry("talk.wav", MALLORY)),
        frozenset({"slow.mp4", "talk", "other"}),
        marker_owners={"slow.mp4": MALLORY, "talk": MALLORY, "other": MALLORY},
    )
    assert find_foreign_markers(snapshot, TRUSTED) == {"slow.mp4.ready": (MALLORY, ANNA)}


@pytest.mark.parametrize(
    ("owner", "files", "is_batch"),
    [
        (ANNA, {"a.wav": ANNA, "a.mp4": ANNA}, True),
        (ANNA, {"a.wav": ANNA, "a.mp4": MALLORY}, False),
        (MALLORY, {"a.wav": ANNA, "a.mp4": ANNA}, False),
        (DAEMON, {"a.wav": ANNA, "a.mp4": ANNA}, True),
        (DAEMON, {"a.wav": ANNA, "a.mp4": MALLORY}, False),
    ],
)
def test_a_batch_is_one_persons(owner: int, files: dict[str, int], is_batch: bool) -> None:
    assert (find_mixture_problem(_folder(owner, files), TRUSTED) is None) == is_batch


def test_a_strangers_sidecar_in_a_batch_does_not_count() -> None:
    sidecars = {"job.toml": MALLORY, "a.toml": ANNA, "b.toml": ROOT}
    left, foreign = split_foreign_sidecars(_folder(ANNA, {"a.wav": ANNA, **sidecars}), TRUSTED)
    assert (_names(left.sidecars), _names(foreign)) == (["a.toml", "b.toml"], ["job.toml"])


def test_a_strangers_marker_does_not_settle_a_folder() -> None:
    folder = _folder(ANNA, {"a.wav": ANNA})
    found = [folder_marker_counts(each, folder, TRUSTED) for each in (ANNA, ROOT, MALLORY)]
    assert found == [True, True, False]


def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name(ROOT) == "root"
    assert user_name(2**31 - 77) == f"user {2**31 - 77}"
    assert user_names([ROOT]) == "root"
    assert user_names([ANNA, ROOT, ANNA]) == f"root and user {ANNA}"
    assert user_name(os.geteuid())


def test_who_dropped_something_is_named_where_it_can_be_known() -> None:
    assert person_name(ANNA) == f"user {ANNA}"
    for uid in (None, ROOT, TRUSTED_USER, os.geteuid()):
        assert person_name(uid) == "", "a command or a share may have put it there for anybody"
