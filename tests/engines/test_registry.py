import shutil
from pathlib import Path

import pytest
import torch

from heygem_daemon.engines.base import Device
from heygem_daemon.engines.checkpoints import LARGE_FILE_BYTES
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.errors import WeightsUnavailable

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder of weights of one's own."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "builtin").symlink_to(WEIGHTS / "builtin")
    return folder


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("valid") / "checkpoint.pth"
    torch.save({"state_dict": Generator(WAV2LIP_96).state_dict()}, path)
    return path


@pytest.mark.parametrize("name", ["auto", "builtin"])
def test_the_shipped_weights_load(name: str, tmp_path: Path) -> None:
    engine = load_engine(name, WEIGHTS, Device(), tmp_path)
    assert (engine.name, engine.device, engine.precision) == ("builtin", Device(), "float32")
    assert len(engine.weights_sha256) == 64
    assert engine.warnings == ()


def test_an_unknown_engine_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="no engine 'magic'; known: builtin, wav2lip"):
        load_engine("magic", WEIGHTS, Device(), tmp_path)


def test_missing_weights_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=str(tmp_path)):
        load_engine("builtin", tmp_path, Device(), tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "builtin"
    folder.mkdir()
    for path in (WEIGHTS / "builtin").iterdir():
        content = path.read_bytes()
        (folder / path.name).write_bytes(
            content[: len(content) // 2] if path.stem == "mouth_head" else content
        )
    with pytest.raises(WeightsUnavailable, match="mouth_head"):
        load_engine("builtin", tmp_path, Device(), tmp_path)


def test_auto_takes_a_valid_checkpoint_and_reports_what_is_wrong_with_others(
    weights: Path, valid: Path, tmp_path: Path
) -> None:
    (weights / "a.pth").write_bytes(b"half a checkpo")
    shutil.copy(valid, weights / "b.pth")
    (weights / "c.pth").write_bytes(b"never looked at")
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "wav2lip"
    broken, unused = engine.warnings
    assert str(weights / "a.pth") in broken
    assert "b.pth is used" in unused
    assert "not used: c.pth" in unused


def test_auto_without_a_valid_checkpoint_takes_the_built_in_engine_and_says_so(
    weights: Path, tmp_path: Path
) -> None:
    (weights / "a.pth").write_bytes(b"half a checkpo")
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    (warning,) = engine.warnings
    assert "a.pth" in warning
    assert warning.endswith("The built-in engine is used.")


def test_wav2lip_without_any_checkpoint_says_where_to_put_one(
    weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsUnavailable, match=f"no checkpoint in {weights}: put"):
        load_engine("wav2lip", weights, Device(), tmp_path)


def test_wav2lip_with_a_broken_checkpoint_names_it(weights: Path, tmp_path: Path) -> None:
    (weights / "a.pth").write_bytes(b"half a checkpo")
    with pytest.raises(WeightsUnavailable, match=r"a\.pth"):
        load_engine("wav2lip", weights, Device(), tmp_path)


def test_auto_does_without_a_checkpoint_that_draws_no_numbers_and_names_it(
    weights: Path, valid: Path, tmp_path: Path
) -> None:
    state = torch.load(valid, weights_only=True)["state_dict"]
    variances = "face_decoder_blocks.3.1.conv_block.1.running_var"
    torch.save(state | {variances: -state[variances]}, weights / "negative.pth")
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    (warning,) = engine.warnings
    assert str(weights / "negative.pth") in warning
    assert "values that are not numbers" in warning


def test_what_may_be_meant_as_a_checkpoint_is_never_silently_skipped(
    weights: Path, tmp_path: Path
) -> None:
    (weights / "wav2lip.ckpt").write_bytes(bytes(LARGE_FILE_BYTES))
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    (warning,) = engine.warnings
    assert str(weights / "wav2lip.ckpt") in warning
    assert warning.endswith("The built-in engine is used.")
    with pytest.raises(WeightsUnavailable, match=r"wav2lip\.ckpt is not used"):
        load_engine("wav2lip", weights, Device(), tmp_path)
