"""The copy of a folder into the inbox: all of it, or nothing."""

from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput, NameContested, SpoolUnavailable
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.roles import SILENT, SOUND
from heygem_daemon.spool.submit_batch import submit_folder


@pytest.fixture
def show(tmp_path: Path) -> Path:
    folder = tmp_path / "show"
    folder.mkdir()
    for name in ("talk.wav", "1.mp4", "2.mp4", "notes.txt"):
        (folder / name).write_bytes(name.encode())
    (folder / "job.toml").touch()
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    return path


def test_a_folder_is_copied_with_a_ready_marker(show: Path, inbox: Path) -> None:
    seen_by_scans: list[bool] = []
    name = submit_folder(
        show, inbox, progress=lambda *_: seen_by_scans.append(bool(scan(inbox).folders))
    )
    assert name == "show"
    assert sorted(path.name for path in (inbox / "show").iterdir()) == [
        ".ready", "1.mp4", "2.mp4", "job.toml", "talk.wav",
    ]  # fmt: skip
    assert set(seen_by_scans) == {False}
    assert (show / "talk.wav").exists()


def test_a_taken_name_is_counted_up(show: Path, inbox: Path) -> None:
    assert [submit_folder(show, inbox, "a:b") for _ in range(2)] == ["a_b", "a_b (2)"]


def test_a_folder_that_is_no_batch_is_refused_and_leaves_nothing(show: Path, inbox: Path) -> None:
    (show / "talk.wav").unlink()
    with pytest.raises(BadInput, match="holds no audio"):
        submit_folder(show, inbox)
    (show / "talk.wav").touch()
    with pytest.raises(BadInput, match="is empty"):
        submit_folder(show, inbox)
    with pytest.raises(BadInput, match="is not a folder"):
        submit_folder(show / "1.mp4", inbox)
    assert list(inbox.iterdir()) == []


def test_a_missing_inbox_is_an_environment_fault(show: Path, tmp_path: Path) -> None:
    with pytest.raises(SpoolUnavailable):
        submit_folder(show, tmp_path / "nowhere")


def test_a_folder_whose_sound_has_the_suffix_of_a_video(show: Path, inbox: Path) -> None:
    (show / "talk.wav").rename(show / "talk.mp4")
    with pytest.raises(BadInput, match="holds no audio"):
        submit_folder(show, inbox)
    submit_folder(show, inbox, read_content=lambda path: SOUND if path.stem == "talk" else SILENT)
    assert {path.name for path in (inbox / "show").glob("*.mp4")} == {"talk.mp4", "1.mp4", "2.mp4"}


def test_who_takes_each_name_in_the_inbox_ends_a_submission(
    show: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def take(_self: FileOperations, _source: Path, target: Path) -> None:
        tried.append(target.name)
        assert len(tried) < 1000
        raise FileExistsError(17, "taken", str(target))

    monkeypatch.setattr(FileOperations, "move", take)
    with pytest.raises(NameContested):
        submit_folder(show, inbox)
    assert list(inbox.iterdir()) == []
