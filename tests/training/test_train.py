"""The file that training writes."""

from pathlib import Path

import torch
from safetensors import safe_open

from heygem_daemon.device.weights import load_weights
from heygem_daemon.engines.builtin.audio.heads import HEADS_FILE, HeadEnsemble
from training.train import save


def test_the_weights_file_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    save(HeadEnsemble(2), tmp_path, {"steps": 3})
    assert (tmp_path / HEADS_FILE).stat().st_mode == usual.stat().st_mode
    assert sorted(tmp_path.iterdir()) == sorted([usual, tmp_path / HEADS_FILE])
    load_weights(HeadEnsemble(2), tmp_path / HEADS_FILE, torch.device("cpu"))
    with safe_open(tmp_path / HEADS_FILE, "pt") as file:
        assert file.metadata() == {"training": '{"steps": 3}'}
