"""Sound and face are told apart by what the files hold, not by their names."""

from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.roles import (
    BOTH,
    NOTHING,
    SILENT,
    SOUND,
    describe_conflict,
    with_batch_roles,
)


def entry(name: str) -> FileEntry:
    kind = None if name.endswith(".toml") else media_kind(name)
    return FileEntry(Path("/inbox") / name, kind, 1, 0, 0, 0, 0)


def pairing(**contents: MediaContent | None) -> Pairing:
    """Pair files up whose names are given with ``__`` for the dot. A sidecar with a sound says that
    a video speaks with its own."""
    files = {entry(name.replace("__", ".")): content for name, content in contents.items()}
    media = [each for each in files if each.kind is not None]
    sidecars = [each for each in files if each.kind is None]
    return pair_files(
        media, sidecars, files.get, [each.path for each in sidecars if files[each] == SOUND]
    )


@pytest.mark.parametrize(
    ("contents", "audio", "video"),
    [
        ({"a__mp4": SOUND, "a__mov": BOTH}, "a.mp4", "a.mov"),
        ({"a__webm": SOUND, "a__mp4": SILENT}, "a.webm", "a.mp4"),
        ({"a__mp4": SOUND, "a__jpg": SILENT}, "a.mp4", "a.jpg"),
        ({"a__ogg": BOTH, "a__wav": SOUND}, "a.wav", "a.ogg"),  # Theora in .ogg
        ({"a__mp3": BOTH, "a__mp4": SOUND}, "a.mp4", "a.mp3"),  # the names are wrong
        ({"a__mp3": BOTH, "a__mp4": BOTH}, "a.mp3", "a.mp4"),
        ({"a__wav": SOUND, "a__mp4": BOTH}, "a.wav", "a.mp4"),
        ({"a__mp4": BOTH, "a__mov": SILENT}, "a.mp4", "a.mov"),  # a silent video cannot speak
        ({"a__wav": None, "a__mp4": None}, "a.wav", "a.mp4"),  # announced, and never probed
        ({"a__wav": NOTHING, "a__mp4": NOTHING}, "a.wav", "a.mp4"),
        ({"a__mka": SOUND, "a__3gp": NOTHING}, "a.mka", "a.3gp"),
    ],
)
def test_two_files_of_one_name_are_a_pair(
    contents: dict[str, MediaContent | None], audio: str, video: str
) -> None:
    (pair,) = pairing(**contents).pairs
    assert (pair.audio.name, pair.video.name) == (audio, video)


@pytest.mark.parametrize(
    ("contents", "conflict"),
    [
        ({"a__mp4": BOTH, "a__mov": BOTH}, "each holds pictures and sound"),
        ({"a__mp4": SILENT, "a__mov": SILENT}, "none holds a sound"),
        ({"a__mp3": SOUND, "a__wav": SOUND}, "each holds sound alone"),
        ({"a__mp3": SOUND, "a__wav": SOUND, "a__mp4": BOTH}, "rename them"),
        ({"a__mp4": NOTHING, "a__mov": NOTHING}, "rename them"),
        ({"a__mp3": SOUND, "a__ogg": NOTHING}, "none holds pictures that can be read"),
        ({"a__mp4": SILENT, "a__mov": NOTHING}, "none holds a sound that can be read"),
    ],
)
def test_what_fits_in_no_way_says_why(
    contents: dict[str, MediaContent | None], conflict: str
) -> None:
    found = pairing(**contents)
    assert not found.pairs
    assert not found.unexamined
    (group,) = found.ambiguous_groups
    files = {entry(name.replace("__", ".")): content for name, content in contents.items()}
    assert conflict in describe_conflict([entry(each.path.name) for each in group], files.get)


def test_names_that_decide_nothing_ask_for_the_contents() -> None:
    found = pairing(a__mp4=SOUND, a__mov=None)
    assert [(pair.audio.name, pair.video.name) for pair in found.pairs] == [("a.mp4", "a.mov")]
    found = pairing(a__mp4=None, a__mov=None, b__wav=None, b__mp4=None, c__mp4=None)
    assert {each.path.name for each in found.unexamined} == {"a.mp4", "a.mov"}


def test_a_photograph_beside_a_file_that_is_not_yet_known_waits() -> None:
    found = pairing(a__mp4=None, a__jpg=None)
    assert found.pairs == ()
    assert {each.path.name for each in found.unexamined} == {"a.mp4", "a.jpg"}
    assert pairing(a__mp4=BOTH, a__jpg=SILENT).pairs == ()


def test_a_lone_sound_in_a_video_container_waits_for_a_video() -> None:
    (lone,) = pairing(a__mp4=SOUND).lone_files
    assert lone.kind == "audio"


def test_names_that_differ_in_case_alone_are_never_a_pair() -> None:
    """Windows and Macs take them for one name, so they could not be returned to the inbox."""
    assert pairing(a__mp4=SOUND, A__mp4=SILENT).pairs == ()


def test_a_video_speaks_with_its_own_sound_where_its_sidecar_says_so() -> None:
    (pair,) = pairing(a__mp4=BOTH, a__toml=SOUND).pairs
    assert pair.audio == pair.video == Path("/inbox/a.mp4")
    assert pair.files == {Path("/inbox/a.mp4"), Path("/inbox/a.toml")}
    assert pairing(a__mp4=BOTH, a__toml=NOTHING).pairs == ()
    assert pairing(a__jpg=SILENT, a__toml=SOUND).pairs == ()
    (pair,) = pairing(a__mp4=BOTH, a__wav=SOUND, a__toml=SOUND).pairs
    assert pair.audio.name == "a.wav"  # the claim refuses it


@pytest.mark.parametrize(
    ("contents", "audios"),
    [
        ({"talk__mp4": SOUND, "1__mp4": BOTH, "2__mp4": SILENT}, {"talk.mp4"}),
        ({"a__mp4": SOUND, "a__mov": BOTH, "b__mov": SILENT, "b__mp4": BOTH}, {"a.mp4", "b.mp4"}),
        ({"talk__wav": SOUND, "face__ogg": BOTH}, {"talk.wav"}),  # Theora in .ogg
        ({"talk__mp4": BOTH, "face__mov": SILENT}, {"talk.mp4"}),
        ({"a__wav": None, "b__mp4": None}, {"a.wav"}),
        ({"a__mp4": BOTH, "b__mp4": BOTH}, set()),
    ],
)
def test_the_files_of_a_batch_have_the_roles_of_what_they_hold(
    contents: dict[str, MediaContent | None], audios: set[str]
) -> None:
    files = {entry(name.replace("__", ".")): content for name, content in contents.items()}
    found = with_batch_roles(list(files), files.get)
    assert [each.path for each in found] == [each.path for each in files]
    assert {each.path.name for each in found if each.kind == "audio"} == audios


def test_a_pair_knows_how_long_its_sound_is() -> None:
    sound, video = MediaContent(sound=True, seconds=12.5), MediaContent(picture=True, seconds=3.0)
    (pair,) = pairing(a__wav=sound, a__mp4=video).pairs
    assert pair.seconds == 12.5
    (alone,) = pairing(a__mp4=MediaContent(True, True, 3.0), a__toml=SOUND).pairs
    assert (alone.is_alone, alone.seconds) == (True, 3.0)
    (unknown,) = pairing(a__wav=None, a__mp4=None).pairs
    assert unknown.seconds == 0
    assert unknown == replace(unknown, seconds=5.0), "another look changes no candidate"
