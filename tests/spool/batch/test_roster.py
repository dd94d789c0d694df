"""The members of a batch."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.spool.batch import roster as batch_roster
from heygem_daemon.spool.batch.roster import Roster, RosterProblem, build_roster, with_seconds
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import fold, is_sidecar, natural_key
from heygem_daemon.spool.pairing import Pairing


def snapshot(*names: str, folders: tuple[str, ...] = ()) -> FolderSnapshot:
    entries = [FileEntry(Path("/inbox/show") / n, media_kind(n), 1, 0, 0, 0, 0) for n in names]
    return FolderSnapshot(
        entries=tuple(entry for entry in entries if entry.kind),
        sidecars=tuple(entry for entry in entries if is_sidecar(entry.path.name)),
        unsupported_files=tuple(n for n in names if not (media_kind(n) or is_sidecar(n))),
        folders=folders,
    )


def members(*names: str) -> list[tuple[str, str, str, str | None]]:
    found = build_roster(snapshot(*names))
    assert isinstance(found, Roster), found
    return [(each.name, each.audio, each.video, each.sidecar) for each in found.members]


def problem(*names: str, folders: tuple[str, ...] = ()) -> RosterProblem:
    found = build_roster(snapshot(*names, folders=folders))
    assert isinstance(found, RosterProblem)
    return found


def test_one_audio_goes_with_all_videos_in_natural_order() -> None:
    assert members("talk.wav", "take 10.mp4", "take 9.mov", "Take 1.mp4") == [
        ("Take 1", "talk.wav", "Take 1.mp4", None),
        ("take 9", "talk.wav", "take 9.mov", None),
        ("take 10", "talk.wav", "take 10.mp4", None),
    ]


def test_a_member_is_as_long_as_its_sound() -> None:
    found = build_roster(snapshot("b.wav", "a.mp3", "face.mp4"))
    assert isinstance(found, Roster)
    timed = with_seconds(found, {"a.mp3": 3.5, "face.mp4": 60.0})
    assert [(each.name, each.seconds) for each in timed.members] == [("a", 3.5), ("b", 0.0)]


def test_one_video_goes_with_all_audios() -> None:
    assert members("b.wav", "a.mp3", "face.mp4") == [
        ("a", "a.mp3", "face.mp4", None),
        ("b", "b.wav", "face.mp4", None),
    ]


def test_pairs_of_the_same_name() -> None:
    assert members("b.wav", "a.mp3", "B.mp4", "a.mov") == [
        ("a", "a.mp3", "a.mov", None),
        ("b", "b.wav", "B.mp4", None),
    ]


def test_a_single_pair_needs_no_common_name() -> None:
    assert members("talk.wav", "face.mp4") == [("talk", "talk.wav", "face.mp4", None)]


def test_photographs_are_faces() -> None:
    assert [each[2] for each in members("t.wav", "b.jpg", "a.PNG")] == ["a.PNG", "b.jpg"]
    assert members("a.wav", "b.wav", "face.jpg") == [
        ("a", "a.wav", "face.jpg", None),
        ("b", "b.wav", "face.jpg", None),
    ]
    assert [each[2] for each in members("a.wav", "a.jpg", "b.wav", "b.mp4")] == ["a.jpg", "b.mp4"]


def test_photographs_among_videos_are_thumbnails_and_logos() -> None:
    found = build_roster(snapshot("t.wav", "1.mp4", "1.jpg", "2.mp4", "2.jpg", "logo.png"))
    assert isinstance(found, Roster)
    assert [each.video for each in found.members] == ["1.mp4", "2.mp4"]
    assert found.others == ("1.jpg", "2.jpg", "logo.png")
    assert members("a.wav", "b.wav", "face.mp4", "face.jpg", "logo.png") == [
        ("a", "a.wav", "face.mp4", None),
        ("b", "b.wav", "face.mp4", None),
    ]


def test_results_never_share_a_name() -> None:
    names = [each[0] for each in members("t.wav", "a.mp4", "a.mov", "A.mkv", "batch.mp4")]
    assert len({fold(name) for name in names}) == 4
    assert "batch (2)" in names  # batch.json is the summary


def test_sidecars_belong_to_one_member_or_to_all() -> None:
    found = build_roster(snapshot("t.wav", "1.mp4", "2.mp4", "2.TOML", "Job.toml", "notes.txt"))
    assert isinstance(found, Roster)
    assert [each.sidecar for each in found.members] == [None, "2.TOML"]
    assert (found.common, found.others) == ("Job.toml", ("notes.txt",))


@pytest.mark.parametrize("sidecar", ["t.toml", "3.toml"])
def test_a_sidecar_of_no_member_is_a_problem(sidecar: str) -> None:
    assert sidecar in problem("t.wav", "1.mp4", "2.mp4", sidecar).reason


def test_two_sidecars_for_one_member_are_a_problem() -> None:
    assert (
        "is named after no member" in problem("t.wav", "x.mp4", "y.mp4", "X.toml", "x.Toml").reason
    )


@pytest.mark.parametrize(
    ("names", "reason", "is_incomplete"),
    [
        ((), "holds neither audio nor video", True),
        (("a.mp4", "b.mp4"), "holds no audio", True),
        (("a.wav",), "holds no video", True),
        (("a.wav", "b.wav", "a.mp4", "c.mp4"), "no partner of the same name (b.wav, c.mp4)", False),
        (("a.wav", "b.wav", "a.mp4", "a.mov", "b.mp4"), "(a.mov, a.mp4, a.wav)", False),
    ],
)
def test_a_folder_without_clear_members_is_a_problem(
    names: tuple[str, ...], reason: str, is_incomplete: bool
) -> None:
    found = problem(*names)
    assert reason in found.reason
    assert found.is_incomplete is is_incomplete


def test_a_folder_in_the_folder_is_no_batch() -> None:
    assert "holds a folder (more)" in problem("a.wav", "a.mp4", folders=("more",)).reason


stems = st.sampled_from(["a", "A", "é", "e\u0301", "b 2", "b 10", "job", "batch"])
extensions = st.sampled_from([".wav", ".mp3", ".mp4", ".mov", ".toml", ".txt"])


@given(st.sets(st.tuples(stems, extensions).map("".join), max_size=12))
def test_every_audio_and_video_is_in_some_member_or_the_folder_waits(names: set[str]) -> None:
    found = build_roster(snapshot(*names))
    if isinstance(found, RosterProblem):
        assert found.reason
        return
    media = {name for member in found.members for name in member.media_names}
    assert media == {name for name in names if media_kind(name)}
    results = [fold(member.name) for member in found.members]
    assert len(set(results)) == len(results)
    sidecars = [member.sidecar for member in found.members if member.sidecar]
    common = [found.common] if found.common else []
    assert sorted(sidecars + common) == sorted(filter(is_sidecar, names))
    stems = [member.audio if len(media) == 1 else member.name for member in found.members]
    assert len(stems) < 2 or stems == sorted(stems, key=natural_key) or "(2)" in "".join(stems)


def test_files_that_the_daemon_copied_pair_with_those_of_the_person() -> None:
    """One sound of several videos is a copy of the daemon's for those that cannot be linked."""
    found = snapshot("a.wav", "a.mp4", "b.wav", "b.mp4")
    entries = tuple(
        replace(each, owner=0 if each.kind == "audio" else 1000) for each in found.entries
    )
    roster = build_roster(replace(found, entries=entries))
    assert isinstance(roster, Roster), roster
    assert [(each.audio, each.video) for each in roster.members] == [
        ("a.wav", "a.mp4"),
        ("b.wav", "b.mp4"),
    ]


def test_a_folder_in_which_a_file_would_be_left_without_a_reason_is_no_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_roster, "pair_files", lambda _entries: Pairing((), (), ()))
    assert (
        "no partner of the same name (a.mp4, a.wav, b.mp4"
        in problem("a.wav", "a.mp4", "b.wav", "b.mp4").reason
    )


class Folds:
    """Counts how often names are compared."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(batch_roster, "fold", self)
        monkeypatch.setattr("heygem_daemon.spool.names.fold", self)

    def __call__(self, name: str) -> str:
        self.count += 1
        return fold(name)

    def of(self, *names: str) -> int:
        """Return how many comparisons the members of these names take."""
        before = self.count
        assert members(*names)
        return self.count - before


@pytest.mark.parametrize(
    "patterns",
    [("#.wav", "#.mp4", "#.toml"), ("@.wav", "@.toml", "a.mp4"), ("@.wav", "a.mp4")],
    ids=["own sidecars", "sidecars in other cases", "one name in other cases"],
)
def test_twice_as_many_members_take_twice_as_many_comparisons(
    monkeypatch: pytest.MonkeyPatch, patterns: tuple[str, ...]
) -> None:
    folds = Folds(monkeypatch)

    def names(count: int) -> list[str]:
        numbered = (each for each in patterns if each != "a.mp4")
        return [
            *(each for each in patterns if each == "a.mp4"),
            *(
                each.replace("#", str(number)).replace("@", in_other_case(number))
                for each in numbered
                for number in range(count)
            ),
        ]

    few = folds.of(*names(100))
    assert folds.of(*names(200)) < 2.5 * few


def in_other_case(number: int) -> str:
    """Return one spelling of a name."""
    return "".join(c.upper() if number >> place & 1 else c for place, c in enumerate("abcdefghij"))
