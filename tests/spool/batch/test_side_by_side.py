"""The files of folders in a dropped folder are laid side by side, and nothing is lost."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import ClaimFailed
from heygem_daemon.spool.batch.folder_tree import scan_tree
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.side_by_side import find_places
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.roles import nothing_known
from heygem_daemon.spool.spool import Spool

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Tree = Callable[[Spool], dict[str, bytes | None]]


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def places(folder: Path, *names: str) -> tuple[dict[str, str], list[str]]:
    """Return where the files go, and which folders are refused."""
    make(folder, *names)
    found = find_places(folder, scan_tree(folder, 1000), nothing_known)
    placed = {f"{each.folder}/{each.name}": each.placed_as for each in found.placed}
    return placed, list(found.refused)


def test_a_folder_of_a_sound_and_a_video_is_a_member_with_its_name(tmp_path: Path) -> None:
    names = ("a/v.wav", "a/a.mp4", "a/reason.txt", "a/job.json", "b/v.wav", "b/b.mp4", "b/x.toml")
    assert places(tmp_path, *names) == (
        {
            "a/v.wav": "a.wav", "a/a.mp4": "a.mp4",
            "b/v.wav": "b.wav", "b/b.mp4": "b.mp4", "b/x.toml": "b.toml",
        },
        [],
    )  # fmt: skip


def test_the_inputs_of_what_was_rendered_keep_their_names(tmp_path: Path) -> None:
    found, refused = places(tmp_path, "batch.json", "inputs/v.wav", "inputs/1.mp4", "inputs/2.mp4")
    assert set(found.values()) == {"v.wav", "1.mp4", "2.mp4"}
    assert not refused


@pytest.mark.parametrize(
    "names",
    [
        ("x/deep/a.wav", "x/deep/a.mp4"),
        ("x/v.wav", "x/1.mp4", "x/2.mp4"),
        ("x/v.wav", "x/v.mp4", "x/1.toml", "x/2.toml"),
        ("v.wav", "x/v.wav", "x/v.mp4", "x/own.toml", "x/job.toml", "y/a.wav", "y/a.mp4"),
    ],
)
def test_a_folder_that_is_no_member_stays_as_it_is(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert places(tmp_path, *names)[1] == ["x"]


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    found, _ = places(tmp_path, "a.wav", "a.mp4", "A/v.wav", "A/v.mp4", "job/v.wav", "job/v.mp4")
    assert set(found.values()) == {"A (2).wav", "A (2).mp4", "job (2).wav", "job (2).mp4"}


def test_copies_of_the_options_for_all_become_one(tmp_path: Path) -> None:
    a, b = ("a/v.wav", "a/a.mp4", "a/job.toml", "a/own.toml"), ("b/v.wav", "b/b.mp4", "b/job.toml")
    found, refused = places(tmp_path, *a, *b)
    assert not refused
    assert (found["a/own.toml"], found["a/job.toml"]) == ("a.toml", "job.toml")
    assert "b/job.toml" not in found
    new, refused = places(tmp_path, "job.toml")  # beside the folders, for all of them
    assert not refused
    assert not {"a/job.toml", "b/job.toml"} & new.keys()


def test_what_a_file_holds_decides_which_is_the_sound(tmp_path: Path) -> None:
    make(tmp_path, "a/voice.mp4", "a/face.mp4")

    def find(entry: FileEntry) -> MediaContent:
        is_sound = entry.path.stem == "voice"
        return MediaContent(sound=is_sound, picture=not is_sound)

    found = find_places(tmp_path, scan_tree(tmp_path, 1000), find).placed
    assert {each.name: each.placed_as for each in found} == {
        "voice.mp4": "a.m4a",
        "face.mp4": "a.mp4",
    }


def test_a_scan_follows_no_link_and_ends_at_its_limit(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", "a.wav", "a.mp4")
    show = make(tmp_path / "show", *(f"{number:02d}/a.wav" for number in range(20)))
    (show / "link").symlink_to(outside)
    found = scan_tree(show, 1000)
    assert len(found.entries) == 20
    assert found.unsupported_files == ("link",)
    assert scan_tree(show, 30).left_out
    assert len(scan_tree(show, 30).entries) < 20


def test_a_folder_that_was_copied_back_from_failed_is_rendered(
    spool: Spool, fill: Fill, work: Work, tree: Tree
) -> None:
    work(spool, spool.batches.claim(fill(spool, "show", "t.wav", "1-bad.mp4", "2-bad.mp4")))
    for number in (1, 2):
        inner = spool.failed / "show" / f"{number}-bad"
        inner.rename(inner.with_name(f"{number}"))
    (spool.failed / "show").rename(spool.inbox / "again")
    batch = work(spool, spool.batches.claim(spool.inbox / "again"))
    assert [each.name for each in batch.journal.members] == ["1", "2"]
    results = {name for name in tree(spool) if name.startswith("outbox/again/")}
    assert {"outbox/again/1.mp4", "outbox/again/2.mp4"} <= results
    assert sorted(path.name for path in batch.inputs.iterdir()) == [
        "1 job.json", "1 reason.txt", "1.mp4", "1.wav",
        "2 job.json", "2 reason.txt", "2.mp4", "2.wav",
    ]  # fmt: skip
    assert set(batch.journal.others) == {
        f"{number} {name}" for number in (1, 2) for name in ("job.json", "reason.txt")
    }


def test_what_is_refused_at_the_claim_is_in_the_inbox_as_it_was(spool: Spool) -> None:
    folder = make(spool.inbox / "show", "a/v.wav", "a/a.mp4", "b/v.wav", "b/1.mp4", "b/2.mp4")
    with pytest.raises(ClaimFailed, match="holds a folder"):
        spool.batches.claim(folder)
    assert (folder / "a" / "v.wav").is_file()
    assert not list(spool.processing.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("no_sync", "sidecars_read_here")
@pytest.mark.parametrize("torn", [False, True])
def test_rule_10_a_claim_killed_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path,
    work: Work,
    tree: Tree,
    killing_disk: Callable[[int, bool], FileOperations],
    killed: type[BaseException],
    torn: bool,
) -> None:
    expected = {
        f"{place}/{name}"
        for name in ("a.wav", "a.mp4", "b.wav", "b.mp4", "a reason.txt", "b .hidden", "note.txt")
        for place in ("done/show/inputs",)
    } | {"outbox/show/a.mp4", "outbox/show/b.mp4"}
    for step in itertools.count():
        spool = Spool(tmp_path / f"{step}")
        spool.prepare()
        folder = make(
            spool.inbox / "show",
            "note.txt", "a/t.wav", "a/a.mp4", "a/reason.txt", "b/t.wav", "b/b.mp4", "b/.hidden",
        )  # fmt: skip
        finished = True
        try:
            killed_spool = Spool(spool.root, files=killing_disk(step, torn))
            killed_spool.batches.claim(folder)
        except killed:
            finished = False
        spool.recover()
        for batch in spool.batches.unfinished():
            work(spool, batch)
        if folder.exists():
            work(spool, spool.batches.claim(folder))
        found = {n for n in tree(spool) if not n.endswith((".json", ".zip"))}
        assert found == expected, step
        assert not list(spool.processing.iterdir())
        if finished:
            break
    assert step > 15
