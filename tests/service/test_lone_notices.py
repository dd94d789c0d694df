"""What is said of files without their partner."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.language.translator import translator
from heygem_daemon.service import lone_notices
from heygem_daemon.service.lone_notices import MAX_COMPARED, LoneNotices
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import split_extension
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.settle import SettleResult

INBOX = Path("/spool/inbox")


def entry(name: str) -> FileEntry:
    return FileEntry(INBOX / name, media_kind(name), 9, 1, 1, 1, 1)


def told(*names: str) -> dict[str, str]:
    """Return what is said of settled files with these names."""
    found = [entry(name) for name in names if media_kind(name)]
    sidecars = [entry(name) for name in names if name.endswith(".toml")]
    unsupported = tuple(name for name in names if "." not in name or name.endswith((".y", "cel")))
    snapshot = FolderSnapshot(tuple(found), sidecars=tuple(sidecars), unsupported_files=unsupported)
    paths = frozenset(each.path for each in (*found, *sidecars))
    settling = SettleResult(paths, {}, dict.fromkeys(paths, 0.0))
    answer = SidecarAnswer(version=FileVersion(inode=1, size=9, mtime_ns=1))
    answers = {each.path: answer for each in sidecars}
    pairing = pair_files(found, sidecars)
    notices = LoneNotices().find(snapshot, settling, pairing, answers, 60.0)
    return {each.name: each.reason for each in notices}


def test_the_names_that_would_do_are_named() -> None:
    assert told("talk.wav", "讲话.mp4", "other.toml") == {
        "talk.wav": "has no video of the same name beside it; it waits for one, such as talk.mp4,"
        " talk.mov or talk.jpg",
        "讲话.mp4": "has no audio of the same name beside it; it waits for one, such as 讲话.wav,"
        " 讲话.mp3 or 讲话.m4a",
        "other.toml": "has no audio and video of the same name beside it; it waits for them, such"
        " as other.wav and other.mp4",
    }


def test_no_file_is_asked_for_itself_and_each_says_what_it_holds() -> None:
    """Sound under the name of a video, and the other way round."""
    found = [replace(entry("talk.mp4"), kind="audio"), replace(entry("clip.wav"), kind="video")]
    held = {"talk.mp4": MediaContent(sound=True), "clip.wav": MediaContent(picture=True)}
    pairing = pair_files(found, find_content=lambda each: held[each.path.name])
    assert of(FolderSnapshot(tuple(found)), pairing) == {
        "talk.mp4": "holds sound alone, whatever its name says; has no video of the same name"
        " beside it; it waits for one, such as talk.mov, talk.jpg or talk.mkv",
        "clip.wav": "holds pictures without sound, whatever its name says; has no audio of the same"
        " name beside it; it waits for one, such as clip.mp3, clip.m4a or clip.flac",
    }


def test_a_file_of_the_name_that_is_no_partner_is_told_of_and_not_asked_for() -> None:
    """Somebody's sound lies there under the very name that would be asked for."""
    found = [entry("talk.wav"), replace(entry("talk.mp4"), kind="audio", owner=7)]
    told = of(FolderSnapshot(tuple(found)), Pairing((), tuple(found), ()))
    reason = told["talk.wav"]
    assert reason == (
        "has no video of the same name beside it; it waits for one, such as talk.mov, talk.jpg or"
        " talk.mkv; talk.mp4, which lies here too, is no video: it holds sound alone"
    )
    assert translator("zh").knows(reason)


def test_beside_the_pair_of_another_person_it_is_told_to_take_another_name() -> None:
    """There is an audio of its name, and there may be no other one."""
    pair = [entry("talk.wav"), entry("talk.mp4")]
    for name, shown in (("talk.mov", "talk.wav, which goes with talk.mp4"),
                        ("talk.mp3", "talk.mp4, which goes with talk.wav")):  # fmt: skip
        found = (*pair, replace(entry(name), owner=7))
        (reason,) = of(FolderSnapshot(found), pair_files(found)).values()
        assert reason.startswith(f"has the name of {shown}: give it another name, and put")
        assert translator("zh").knows(reason)


def of(snapshot: FolderSnapshot, pairing: Pairing) -> dict[str, str]:
    paths = frozenset(each.path for each in snapshot.entries)
    settling = SettleResult(paths, {}, dict.fromkeys(paths, 0.0))
    notices = LoneNotices().find(snapshot, settling, pairing, {}, 60.0)
    return {each.name: each.reason for each in notices}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("talk.wav", "talk1.mp4"),
        ("talk.wav", "Talk (2).mp4"),
        ("talk.wav", "talk - Copy.mp4"),
        ("talk.wav", "talk - 副本.mp4"),
        ("talk_final.wav", "talk final.mp4"),
        ("talk-1.mp4", "talk.wav"),
        ("interview anna.wav", "interveiw anna.mp4"),
        ("采访.wav", "采访 2.mp4"),
    ],
)
def test_a_name_that_is_nearly_equal_is_named(name: str, near: str) -> None:
    reasons = told(name, near, "zebra.wav", "house.mp4")
    assert reasons[name].endswith(f"; {near} lies here too: the names must be equal")
    assert reasons[near].endswith(f"; {name} lies here too: the names must be equal")
    assert "lies here" not in reasons["zebra.wav"] + reasons["house.mp4"]


def test_of_several_names_the_nearest_is_named() -> None:
    """The numbers at the ends of names count, where more than one of them is left."""
    reasons = told("fmt2.wav", "fmt5.wav", "fmt5 .mp4", "fmt7 - Copy.mp4", "fmt7.wav")
    assert "; fmt5.wav lies here too: " in reasons["fmt5 .mp4"]
    assert "; fmt5 .mp4 lies here too: " in reasons["fmt5.wav"]
    assert "; fmt7.wav lies here too: " in reasons["fmt7 - Copy.mp4"]
    assert "; fmt7 - Copy.mp4 lies here too: " in reasons["fmt7.wav"]
    assert "lies here too" not in reasons["fmt2.wav"], "each of these is nearer to another one"


def test_two_files_of_one_kind_are_no_pair() -> None:
    assert "lies here" not in " ".join(told("talk.wav", "talk1.wav", "a.mp4").values())


def test_a_sidecar_may_be_meant_for_a_pair() -> None:
    reason = told("talk.wav", "talk.mp4", "tlak.toml")["tlak.toml"]
    assert reason.endswith("; talk.mp4 lies here too: the names must be equal")


def test_a_request_is_no_file_of_unknown_format() -> None:
    reasons = told("talk.wav", "talk.cancel", "more.wav", "more.y")
    assert "cancel" not in reasons["talk.wav"]
    assert reasons["more.wav"].endswith(
        "; more.y lies there too, not used: no sound, video or photograph by name"
    )


def test_among_very_many_files_only_equal_cores_are_named() -> None:
    many = [f"{letter * 9}{number}x.mp4" for letter in "abcdef" for number in range(MAX_COMPARED)]
    reasons = told("talk.wav", "talk (3).mp4", "interview.wav", "interveiw.mp4", *many)
    assert "talk (3).mp4 lies here" in reasons["talk.wav"]
    assert "lies here" not in reasons["interview.wav"]


def test_what_has_not_changed_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of files may wait for days, and the inbox is scanned every few seconds."""
    found = tuple(entry(f"talk {number}.wav") for number in range(100))
    pairing = pair_files(found)
    paths = frozenset(each.path for each in found)
    settling = SettleResult(paths, {}, dict.fromkeys(paths, 0.0))
    notices, split = LoneNotices(), Mock(side_effect=split_extension)
    monkeypatch.setattr("heygem_daemon.service.lone_notices.split_extension", split)

    def find(*unsupported: str, late: float = 60.0) -> list[InboxNotice]:
        split.reset_mock()
        snapshot = FolderSnapshot(found, unsupported_files=unsupported)
        return list(notices.find(snapshot, settling, pairing, {}, late))

    first = find()
    assert split.call_count >= 200
    assert find() == first
    assert split.call_count == 0
    assert all(each.is_warning for each in find(late=0.0))
    assert split.call_count == 0
    assert "talk 7.xyz lies there too, not used: no sound" in find("talk 7.xyz")[7].reason


def test_many_long_names_are_not_compared_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Mock(return_value=0.0)
    monkeypatch.setattr(lone_notices, "_similarity", compared)
    others = [f"{chr(97 + number // 10)}{number % 10}x.mp4" for number in range(MAX_COMPARED)]
    told(*others, *(f"talk{number}y.wav" for number in range(MAX_COMPARED + 1)))
    assert compared.call_count == 0


def test_a_sidecar_beside_nothing_says_what_it_waits_for_and_its_mistake_in_a_sentence() -> None:
    sidecar = entry("pyproject.toml")
    refusal = 'pyproject.toml, line 1: unknown key "project"; did you mean "preset"?'
    version = FileVersion(inode=1, size=9, mtime_ns=1)
    answer = SidecarAnswer(version=version, refusal=refusal, remedy="It may hold: engine, face.")
    settling = SettleResult(frozenset({sidecar.path}), {}, {sidecar.path: 0.0})
    (notice,) = LoneNotices().find(
        FolderSnapshot((), sidecars=(sidecar,)),
        settling,
        pair_files((), [sidecar]),
        {sidecar.path: answer},
        60.0,
    )
    assert notice.reason == (
        "has no audio and video of the same name beside it; it waits for them, such as"
        " pyproject.wav and pyproject.mp4"
    )
    assert (notice.remedy, notice.awaited) == (refusal, "attention")
