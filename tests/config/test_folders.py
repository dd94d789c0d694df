"""Hot folders: their names, their profiles, and the caps of priorities."""

import pytest
from pydantic import ValidationError

from heygem_daemon.config.folders import (
    NO_PROFILE,
    PLAIN,
    FolderProfile,
    HotFolder,
    PriorityCaps,
    check_names,
)
from heygem_daemon.config.job_options import JobOptions


@pytest.mark.parametrize("name", ["anna", "Anna-Maria", "9_16", "王芳", "two words", "Größe"])
def test_a_plain_name_can_be_that_of_a_hot_folder(name: str) -> None:
    assert check_names({name: NO_PROFILE}) == {name: NO_PROFILE}


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../ben", "a/b", ".hidden", "talk.mp4", "a.toml", "x.part", "-rf", "$bin",
        "a\nb", "a\0", " anna", "anna ", "a  b", "@eaDir", "lost+found", "Gro\u0308ße", "caf\udce9",
        "inbox", "Outbox", "done", "FAILED", "processing", "logs", "con", "LPT1", "__MACOSX",
        "Temporary Items", "x" * 101,
    ],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|bytes|surrogates"):
        check_names({name: NO_PROFILE})


def test_names_that_are_equal_on_windows_are_refused() -> None:
    with pytest.raises(ValueError, match='"anna" and "Anna" are the same name'):
        check_names({"anna": NO_PROFILE, "Anna": NO_PROFILE})


def test_a_sidecar_overrides_the_profile() -> None:
    folder = HotFolder("vertical", FolderProfile(face="left", max_height=1920, strip=False))
    options = folder.options(JobOptions(face="right"))
    assert (options.face, options.max_height, options.strip) == ("right", 1920, False)
    assert options.given == ("face", "max_height", "strip")


def test_the_options_of_a_profile_are_one_line_without_its_cap_and_hours() -> None:
    profile = FolderProfile(max_height=480, face="left", max_priority=3, active_hours=())
    assert HotFolder("vertical", profile).option_line == 'face = "left", max_height = 480'
    assert HotFolder("anna").option_line == ""


def test_the_plain_inbox_changes_nothing() -> None:
    own = JobOptions(crf=20, priority=100)
    assert PLAIN.options(own) == own
    assert PLAIN.options(own).given == own.given
    assert PLAIN.options() == JobOptions()


@pytest.mark.parametrize(("asked", "granted"), [(50, 10), (10, 10), (-5, -5)])
def test_no_sidecar_gets_beyond_the_cap(asked: int, granted: int) -> None:
    folder = HotFolder("preview", FolderProfile(priority=3, max_priority=10))
    assert folder.options(JobOptions(priority=asked)).priority == granted
    assert folder.options(JobOptions(face="left")).priority == 3
    assert folder.options().priority == 3


def test_a_profile_gives_way_to_a_sidecar_that_contradicts_it() -> None:
    archive = HotFolder("archive", FolderProfile(quality="high", loudness=-23, face="left"))
    options = archive.options(JobOptions(codec="prores"))
    assert (options.codec, options.quality, options.face) == ("prores", None, "left")
    assert options.given == ("codec", "face")


@pytest.mark.parametrize(
    "wrong", [{"face": "middle"}, {"priority": 101}, {"max_priority": 101}, {"audio": "own"}]
)
def test_wrong_values_in_a_profile_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FolderProfile.model_validate(wrong)


def test_the_lowest_of_all_caps_counts() -> None:
    caps = PriorityCaps(50, {"anna": 10, "ben": 80})
    assert caps.clamp(100) == 50
    assert caps.clamp(100, "anna") == 10
    assert caps.clamp(100, "ben") == 50
    assert caps.clamp(-100, "anna") == -100
    assert caps.clamp(60, "gone") == 50
