"""The shipped weights are found beside the code and verified; the user's have their own folder."""

import json
import shutil
from pathlib import Path

import pytest

from heygem_daemon.config.engines import shipped_folders
from heygem_daemon.doctor.checkpoints import misplaced_checks
from heygem_daemon.engines.base import Device
from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.engines.shipped_weights import MANIFEST, verify_weights
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.protocol import Load
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.worker.confinement import readable_weights
from heygem_daemon.worker.loading import Loader


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(shipped_weights(), tmp_path / "weights")


def test_the_shipped_weights_are_as_released() -> None:
    verify_weights(shipped_weights())


def test_what_is_damaged_or_gone_is_named(copy: Path) -> None:
    files = sorted((copy / shipped_folders()[0]).glob("*.safetensors"))
    with files[0].open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    files[1].unlink()
    with pytest.raises(WeightsUnavailable) as caught:
        verify_weights(copy)
    assert f"{files[0].name} differs from the release" in str(caught.value)
    assert f"{files[1].name}: No such file" in str(caught.value)


def test_a_damaged_file_is_refused_before_an_engine_is_loaded(copy: Path, tmp_path: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    next(iter(manifest.values()))["sha256"] = "0" * 64
    (copy / MANIFEST).write_text(json.dumps(manifest))
    load = Load(engine="builtin", device="cpu", weights=str(copy), cache=str(tmp_path))
    with pytest.raises(WeightsUnavailable, match=r"shipped weights in .* are damaged"):
        Loader().load(load)


def test_a_folder_of_checkpoints_needs_no_shipped_files(tmp_path: Path) -> None:
    own = tmp_path / "checkpoints"
    own.mkdir()
    engine = load_engine("auto", shipped_weights(), Device(), tmp_path, 1, own)
    assert engine.name == "builtin"
    with pytest.raises(WeightsUnavailable, match=f"There is no checkpoint in {own}"):
        load_engine("wav2lip", shipped_weights(), Device(), tmp_path, 1, own)


def test_a_new_checkpoint_is_noticed_and_readable_to_a_confined_worker(tmp_path: Path) -> None:
    own = tmp_path / "checkpoints"
    before = weights_fingerprint(shipped_weights(), own)
    own.mkdir()
    (own / "mine.pth").write_bytes(b"x")
    assert weights_fingerprint(shipped_weights(), own) != before
    load = Load(engine="auto", device="cpu", weights="w", cache="c", checkpoints=str(own))
    assert own in readable_weights(load)


def test_a_checkpoint_among_the_shipped_weights_is_named(copy: Path, tmp_path: Path) -> None:
    assert misplaced_checks(copy, tmp_path / "own") == []
    (copy / "mine.pth").write_bytes(b"x")
    (check,) = misplaced_checks(copy, tmp_path / "own")
    assert check.verdict == "warn"
    assert f"Move it to {tmp_path / 'own'}" in check.remedy


def test_a_checkpoint_among_the_shipped_weights_is_used_if_that_is_the_folder(
    copy: Path, tmp_path: Path
) -> None:
    (copy / "mine.pth").write_bytes(b"x")
    (tmp_path / "link").symlink_to(copy)
    for own in (copy, copy / ".." / copy.name, tmp_path / "link"):
        assert misplaced_checks(copy, own) == []
