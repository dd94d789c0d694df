from pathlib import Path

import pytest

from heygem_daemon.engines import checkpoints
from heygem_daemon.engines.checkpoints import AddedCheckpoints, CheckpointEntry
from heygem_daemon.errors import WeightsUnavailable


def entry(name: str, sha256: str = "ab") -> CheckpointEntry:
    return CheckpointEntry(name=name, engine="wav2lip", layout="wav2lip-96", sha256=sha256, size=3)


def test_checkpoints_are_found_by_name_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("b.pth", "a.safetensors", "c.pt", "manifest.json", ".d.pth", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "builtin").mkdir()
    (tmp_path / "builtin" / "mouth.safetensors").touch()
    names = [path.name for path in checkpoints.find_checkpoints(tmp_path)]
    assert names == ["a.safetensors", "b.pth", "c.pt"]


def test_names_may_be_written_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "Wav2Lip_GAN.PTH").touch()
    assert [path.name for path in checkpoints.find_checkpoints(tmp_path)] == ["Wav2Lip_GAN.PTH"]


def test_unsupported_files_are_large_files_and_folders_with_checkpoints(
    tmp_path: Path,
) -> None:
    large = bytes(checkpoints.LARGE_FILE_BYTES)
    for name in ("wav2lip.ckpt", "good.pth", "coming.pth.part", ".hidden", "wav2lip.pth.tar"):
        (tmp_path / name).write_bytes(large)
    (tmp_path / "README.md").write_text("notes")
    for folder in ("builtin", "checkpoints", "pictures"):
        (tmp_path / folder).mkdir()
    for folder in ("builtin", "checkpoints"):
        (tmp_path / folder / "wav2lip.safetensors").touch()
    strange = checkpoints.find_unsupported_files(tmp_path)
    assert [path.name for path in strange] == ["checkpoints", "wav2lip.ckpt", "wav2lip.pth.tar"]
    assert f"a file in {tmp_path} itself whose name" in checkpoints.describe_unsupported_file(
        strange[0]
    )
    assert checkpoints.find_unsupported_files(tmp_path / "absent") == []


def test_the_stamp_changes_when_an_unsupported_file_is_added(tmp_path: Path) -> None:
    before = checkpoints.weights_stamp(tmp_path)
    (tmp_path / "wav2lip.ckpt").write_bytes(bytes(checkpoints.LARGE_FILE_BYTES))
    assert checkpoints.weights_stamp(tmp_path) != before


def test_a_missing_folder_holds_none(tmp_path: Path) -> None:
    assert checkpoints.find_checkpoints(tmp_path / "absent") == []
    assert checkpoints.weights_stamp(tmp_path / "absent") == ()


def test_the_stamp_changes_with_every_change_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "builtin").mkdir()
    stamps = {checkpoints.weights_stamp(tmp_path)}
    (tmp_path / "a.pth").write_bytes(b"1")
    stamps.add(checkpoints.weights_stamp(tmp_path))
    (tmp_path / "new").write_bytes(b"2")
    (tmp_path / "new").replace(tmp_path / "a.pth")
    stamps.add(checkpoints.weights_stamp(tmp_path))
    (tmp_path / "builtin" / "x.safetensors").write_bytes(b"1")
    stamps.add(checkpoints.weights_stamp(tmp_path))
    assert len(stamps) == 4
    (tmp_path / "notes.txt").touch()
    assert checkpoints.weights_stamp(tmp_path) in stamps


def test_the_record_is_read_as_written(tmp_path: Path) -> None:
    assert checkpoints.read_added_checkpoints(tmp_path) == AddedCheckpoints()
    record = AddedCheckpoints().with_entry(entry("b.pth")).with_entry(entry("a.pth"))
    checkpoints.write_added_checkpoints(tmp_path, record)
    read = checkpoints.read_added_checkpoints(tmp_path)
    assert read == record
    assert [each.name for each in read.checkpoints] == ["a.pth", "b.pth"]
    assert "not commercial" in read.checkpoints[0].licence


def test_an_entry_replaces_the_one_of_its_name() -> None:
    record = AddedCheckpoints().with_entry(entry("a.pth", "old")).with_entry(entry("a.pth", "new"))
    assert record.find("a.pth") == entry("a.pth", "new")
    assert len(record.checkpoints) == 1
    assert record.find("b.pth") is None


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "added.json").write_text("{")
    with pytest.raises(WeightsUnavailable, match=r"added\.json cannot be used"):
        checkpoints.read_added_checkpoints(tmp_path)


def test_a_copy_is_complete_or_absent(tmp_path: Path) -> None:
    source, target = tmp_path / "from.pth", tmp_path / "weights" / "to.pth"
    source.write_bytes(b"weights")
    with pytest.raises(WeightsUnavailable, match=r"to\.pth cannot be written"):
        checkpoints.copy_checkpoint(source, target)
    target.parent.mkdir()
    checkpoints.copy_checkpoint(source, target)
    assert target.read_bytes() == b"weights"
    assert [path.name for path in target.parent.iterdir()] == ["to.pth"]


def test_a_copy_overwrites_nothing_but_is_content_with_itself(tmp_path: Path) -> None:
    source, target = tmp_path / "from.pth", tmp_path / "to.pth"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(WeightsUnavailable, match="already"):
        checkpoints.copy_checkpoint(source, target)
    assert target.read_bytes() == b"old"
    checkpoints.copy_checkpoint(target, target)


def test_a_folder_that_cannot_be_read_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "glob", refuse)
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert checkpoints.weights_stamp(tmp_path) == ()
    assert checkpoints.weights_fingerprint(tmp_path)


@pytest.mark.parametrize(
    ("name", "head", "size", "fault"),
    [
        ("a.pth", b"PK\x03\x04", 2 << 20, None),
        ("a.pt", b"\x80\x02\x8a", 2 << 20, None),
        ("a.safetensors", b"\x40\0\0\0\0\0\0\0{", 2 << 20, None),
        ("a.pth", b"PK\x03\x04", 500, "too few"),
        ("a.pth", b"<html>", 2 << 20, "first bytes"),
        ("a.safetensors", b"PK\x03\x04", 2 << 20, "first bytes"),
    ],
)
def test_what_is_no_checkpoint_at_first_sight_is_told(
    tmp_path: Path, name: str, head: bytes, size: int, fault: str | None
) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(head)
        file.truncate(size)
    found = checkpoints.find_obvious_fault(tmp_path / name)
    assert fault in found if fault and found else found is fault
