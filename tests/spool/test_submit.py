"""The copy of a pair into the inbox."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import BadInput, NameContested, SpoolUnavailable
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.roles import BOTH, SILENT, SOUND
from heygem_daemon.spool.submit import submit_pair


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "Speech.WAV"
    path.write_bytes(b"a" * 3_000_000)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "presenter.mp4"
    path.write_bytes(b"v" * 1000)
    return path


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    return path


def test_a_pair_is_copied_under_one_name(audio: Path, video: Path, inbox: Path) -> None:
    assert submit_pair(audio, video, inbox) == "Speech"
    assert (inbox / "Speech.wav").read_bytes() == audio.read_bytes()
    assert (inbox / "Speech.mp4").read_bytes() == video.read_bytes()
    assert len(list(inbox.iterdir())) == 2


def test_rule_16_no_scan_ever_sees_an_unfinished_file(
    audio: Path, video: Path, inbox: Path
) -> None:
    seen_by_scans: list[int] = []
    submit_pair(
        audio, video, inbox, progress=lambda *_: seen_by_scans.append(len(scan(inbox).entries))
    )
    assert seen_by_scans
    assert set(seen_by_scans) == {0}
    assert len(pair_files(scan(inbox).entries).pairs) == 1


def test_progress_counts_the_bytes_of_both(audio: Path, video: Path, inbox: Path) -> None:
    calls: list[tuple[int, int]] = []
    submit_pair(audio, video, inbox, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (3_001_000, 3_001_000)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) > 2


def test_rule_17_a_taken_name_is_counted_up(audio: Path, video: Path, inbox: Path) -> None:
    (inbox / "speech.mov").touch()
    assert submit_pair(audio, video, inbox) == "Speech (2)"
    assert submit_pair(audio, video, inbox) == "Speech (3)"
    assert (inbox / "speech.mov").stat().st_size == 0


def test_a_given_name_is_made_safe(audio: Path, video: Path, inbox: Path) -> None:
    assert submit_pair(audio, video, inbox, name="../../News: 7 pm?") == "_.._News_ 7 pm_"
    assert {path.parent for path in inbox.iterdir()} == {inbox}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.wav", None, "does not exist"),
        ("empty.wav", b"", "is empty"),
        ("clip.mov", b"x", "is video, not audio"),
        ("notes.txt", b"x", "no extension of a known audio format"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_copied(
    tmp_path: Path, video: Path, inbox: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=words) as caught:
        submit_pair(path, video, inbox)
    assert name in caught.value.reason
    assert caught.value.remedy
    assert list(inbox.iterdir()) == []


def test_pipes_and_folders_are_refused_without_waiting(
    tmp_path: Path, video: Path, inbox: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    for name in ("pipe.wav", "folder.wav"):
        with pytest.raises(BadInput, match="regular"):
            submit_pair(tmp_path / name, video, inbox)


def test_an_interrupted_copy_leaves_nothing(audio: Path, video: Path, inbox: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit_pair(audio, video, inbox, progress=interrupt)
    assert list(inbox.iterdir()) == []


def test_a_missing_inbox_is_an_environment_fault(audio: Path, video: Path, tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable):
        submit_pair(audio, video, tmp_path / "gone")


def holding(**contents: MediaContent) -> Callable[[Path], MediaContent]:
    """Return a reader for files whose names are given with ``__`` for the dot."""
    return lambda path: contents[path.name.replace(".", "__")]


@pytest.mark.parametrize(
    ("names", "contents", "submitted"),
    [
        (("talk.mp4", "face.mov"), {"talk__mp4": SOUND}, {"talk.m4a", "talk.mov"}),
        (("talk.mp4", "face.mp4"), {"talk__mp4": SOUND}, {"talk.m4a", "talk.mp4"}),
        (("talk.MOV", "face.mov"), {"talk__MOV": BOTH}, {"talk.m4a", "talk.mov"}),
        (("talk.webm", "face.jpg"), {"talk__webm": SOUND}, {"talk.weba", "talk.jpg"}),
        (("talk.avi", "face.mp4"), {"talk__avi": SOUND}, {"talk.mka", "talk.mp4"}),
        (("talk.wav", "face.ogg"), {"face__ogg": BOTH}, {"talk.wav", "talk.ogv"}),
        (("a.m4a", "b.m4a"), {"b__m4a": SILENT}, {"a.m4a", "a.mp4"}),
    ],
)
def test_what_a_file_holds_counts_and_not_its_suffix(
    tmp_path: Path,
    inbox: Path,
    names: tuple[str, str],
    contents: dict[str, MediaContent],
    submitted: set[str],
) -> None:
    audio, video = (tmp_path / name for name in names)
    audio.write_bytes(b"sound")
    video.write_bytes(b"picture")
    submit_pair(audio, video, inbox, read_content=holding(**contents))
    assert {path.name for path in inbox.iterdir()} == submitted
    (pair,) = pair_files(scan(inbox).entries).pairs
    assert (pair.audio.read_bytes(), pair.video.read_bytes()) == (b"sound", b"picture")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("clip.mov", SILENT, "is video, not audio"),
        ("clip.mov", MediaContent(), "is video, not audio"),
        ("face.jpg", SILENT, "is video, not audio"),
    ],
)
def test_a_file_without_sound_is_no_audio(
    tmp_path: Path, video: Path, inbox: Path, name: str, content: MediaContent, words: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=words):
        submit_pair(tmp_path / name, video, inbox, read_content=lambda _path: content)
    assert list(inbox.iterdir()) == []


def test_a_thousand_taken_names_are_passed(audio: Path, video: Path, inbox: Path) -> None:
    (inbox / "speech.mp3").touch()
    for number in range(2, 1001):
        (inbox / f"Speech ({number}).mp4").touch()
    assert submit_pair(audio, video, inbox) == "Speech (1001)"


def test_who_takes_each_name_in_the_inbox_ends_a_submission(
    audio: Path, video: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def take(_self: FileOperations, _source: Path, target: Path) -> None:
        tried.append(target.name)
        assert len(tried) < 1000
        raise FileExistsError(errno.EEXIST, "taken", str(target))

    monkeypatch.setattr(FileOperations, "move_unsynced", take)
    with pytest.raises(NameContested):
        submit_pair(audio, video, inbox)
    assert list(inbox.iterdir()) == []
