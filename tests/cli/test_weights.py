"""``weights list``, ``verify`` and ``add``, with a checkpoint of the published form."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import typer
from safetensors.torch import load_file

from heygem_daemon.cli import weights as command
from heygem_daemon.config.settings import Settings
from heygem_daemon.engines.checkpoints import LARGE_FILE_BYTES
from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96
from heygem_daemon.engines.wav2lip.network import Generator
from tests.cli.conftest import Program

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).resolve().parents[2] / "weights"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("downloads") / "wav2lip_gan.pth"
    state = {f"module.{name}": value for name, value in Generator(WAV2LIP_96).state_dict().items()}
    torch.save({"state_dict": state, "global_step": 1}, path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "builtin").symlink_to(SHIPPED / "builtin")
    shutil.copy(SHIPPED / "manifest.json", folder)
    return folder


def test_a_checkpoint_is_added_listed_and_verified(
    program: Program, weights: Path, checkpoint: Path
) -> None:
    added = program("weights", "add", str(checkpoint), "--checkpoints", str(weights))
    assert added.returncode == 0, added.stderr
    assert "Added wav2lip_gan.pth (wav2lip-96" in added.stdout
    assert "not commercial" in added.stdout

    listed = program("weights", "list", "--json", "--checkpoints", str(weights))
    rows = {row["name"]: row for row in json.loads(listed.stdout)["weights"]}
    assert rows["builtin/face_mesh.safetensors"]["state"] == "shipped"
    row = rows["wav2lip_gan.pth"]
    assert (row["engine"], row["state"]) == ("wav2lip", "added, wav2lip-96")
    assert row["size"] == checkpoint.stat().st_size
    assert "not commercial" in row["licence"]

    verified = program("weights", "verify", "--checkpoints", str(weights))
    assert verified.returncode == 0
    assert "pass checkpoint wav2lip_gan.pth: wav2lip-96, as added" in verified.stdout


def test_a_converted_checkpoint_holds_the_same_weights(
    program: Program, weights: Path, checkpoint: Path
) -> None:
    given = ("--convert", "--licence", "bought", "--json", "--checkpoints", str(weights))
    added = program("weights", "add", str(checkpoint), *given)
    assert json.loads(added.stdout)["licence"] == "bought"
    converted = load_file(weights / "wav2lip_gan.safetensors")
    # Root may have added it, for a daemon of another user.
    record = weights / "added.json"
    assert (weights / "wav2lip_gan.safetensors").stat().st_mode == record.stat().st_mode
    original = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert converted.keys() == {
        name.removeprefix("module.") for name in original if "num_batches" not in name
    }
    assert all(torch.equal(value, original[f"module.{name}"]) for name, value in converted.items())
    assert sorted(path.name for path in weights.iterdir()) == [
        "added.json", "builtin", "manifest.json", "wav2lip_gan.safetensors",
    ]  # fmt: skip


def test_what_is_no_checkpoint_is_refused_and_nothing_is_left(
    program: Program, weights: Path, tmp_path: Path
) -> None:
    before = sorted(weights.iterdir())
    (tmp_path / "bad.pth").write_text("junk")
    for options in ((), ("--convert",)):
        done = program(
            "weights", "add", str(tmp_path / "bad.pth"), *options, "--checkpoints", str(weights)
        )
        assert done.returncode == 1
        assert "bad.pth is damaged, or no checkpoint" in done.stderr
    assert sorted(weights.iterdir()) == before
    (tmp_path / "notes.txt").write_text("junk")
    done = program("weights", "add", str(tmp_path / "notes.txt"), "--checkpoints", str(weights))
    assert "is not named like a checkpoint" in done.stderr


def test_nothing_is_overwritten(program: Program, weights: Path, checkpoint: Path) -> None:
    for suffix, options in ((".pth", ()), (".safetensors", ("--convert",))):
        there = (weights / "wav2lip_gan").with_suffix(suffix)
        there.write_text("mine")
        done = program("weights", "add", str(checkpoint), *options, "--checkpoints", str(weights))
        assert done.returncode != 0
        assert "already" in done.stderr
        assert there.read_text() == "mine"


def test_dropped_changed_broken_and_lost_checkpoints_are_told_apart(
    program: Program, weights: Path, checkpoint: Path, tmp_path: Path
) -> None:
    for name in ("changed.pth", "lost.pth"):
        source = tmp_path / name
        shutil.copy(checkpoint, source)
        program("weights", "add", str(source), "--checkpoints", str(weights))
    torch.save({"state_dict": Generator(WAV2LIP_96).state_dict()}, weights / "changed.pth")
    (weights / "lost.pth").unlink()
    shutil.copy(checkpoint, weights / "dropped.pth")
    (weights / "broken.pth").write_text("junk")
    done = program("weights", "verify", "--checkpoints", str(weights))
    assert done.returncode == 1
    assert "warn checkpoint broken.pth" in done.stdout
    assert "warn checkpoint changed.pth: wav2lip-96, differs from what was added" in done.stdout
    assert "pass checkpoint dropped.pth: wav2lip-96, not recorded" in done.stdout
    assert "warn checkpoint lost.pth: was added and is gone" in done.stdout
    listed = program("weights", "list", "--checkpoints", str(weights)).stdout
    assert "changed since it was added" in listed
    assert "dropped in, not recorded" in listed


def test_a_damaged_record_is_named(program: Program, weights: Path, checkpoint: Path) -> None:
    (weights / "added.json").write_text("{")
    before = sorted(weights.iterdir())
    added = program("weights", "add", str(checkpoint), "--checkpoints", str(weights))
    assert "added.json cannot be used" in added.stderr
    assert sorted(weights.iterdir()) == before, "nothing is put there that cannot be recorded"
    done = program("weights", "verify", "--checkpoints", str(weights))
    assert done.returncode == 1
    assert "added.json cannot be used" in done.stdout
    assert (
        "added.json cannot be used"
        in program("weights", "list", "--checkpoints", str(weights)).stderr
    )


def test_what_may_be_meant_as_a_checkpoint_is_told(program: Program, weights: Path) -> None:
    (weights / "wav2lip.ckpt").write_bytes(bytes(LARGE_FILE_BYTES))
    listed = program("weights", "list", "--checkpoints", str(weights))
    assert listed.returncode == 0
    assert "wav2lip.ckpt is not used" in listed.stderr
    verified = program("weights", "verify", "--checkpoints", str(weights))
    assert verified.returncode == 1
    assert "warn checkpoint wav2lip.ckpt" in verified.stdout


def test_a_damaged_manifest_of_the_shipped_weights_is_told(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (weights / "manifest.json").write_text('{"files": {"a": 5}}')
    monkeypatch.setattr(command, "shipped_weights", lambda: weights)
    settings = Settings(spool=tmp_path / "spool", checkpoints=tmp_path / "own")
    command.list_weights(settings)
    assert "manifest.json cannot be used: a has no sha256" in capsys.readouterr().err
    with pytest.raises(typer.Exit) as ended:
        command.verify(settings)
    assert ended.value.exit_code == 1
    assert "a has no sha256" in capsys.readouterr().out
