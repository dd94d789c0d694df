from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from heygem_daemon.device.weights import atomic_weights_file, load_weights
from heygem_daemon.errors import WeightsUnavailable

CPU = torch.device("cpu")


def test_half_precision_is_widened(tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    save_file({"weight": torch.ones(2, 3).half(), "bias": torch.zeros(2).half()}, path)
    layer = load_weights(nn.Linear(3, 2), path, CPU)
    assert layer.weight.dtype == torch.float32
    assert not layer.training
    assert not layer.weight.requires_grad


def test_the_error_for_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="absent"):
        load_weights(nn.Linear(3, 2), tmp_path / "absent.safetensors", CPU)


def test_a_damaged_file_is_no_bug(tmp_path: Path) -> None:
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(b"not weights at all")
    with pytest.raises(WeightsUnavailable, match="cannot be read"):
        load_weights(nn.Linear(3, 2), path, CPU)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(5, 3), "bias": torch.zeros(5)}, path)
    with pytest.raises(WeightsUnavailable, match="does not fit"):
        load_weights(nn.Linear(3, 2), path, CPU)


def test_an_unfinished_file_does_not_replace_the_last_one(tmp_path: Path) -> None:
    target = tmp_path / "layer.safetensors"
    target.write_bytes(b"the last one")
    with pytest.raises(OSError, match="full"), atomic_weights_file(target) as draft:
        draft.write_bytes(b"half")
        raise OSError("disk full")
    assert target.read_bytes() == b"the last one"
    assert list(tmp_path.iterdir()) == [target]
