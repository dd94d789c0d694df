"""An engine's trial runs what a job runs: every network, for the given number of pictures."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from heygem_daemon.engines import trial
from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.engines.wav2lip.engine import LoadedWav2Lip, Wav2LipEngine
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.engines.wav2lip.runner import GeneratorMode, GeneratorRunner
from heygem_daemon.face.networks.mesh import FaceMesh
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.speech.encoder import WhisperEncoder
from heygem_daemon.speech.features import STATE_RATE, WindowPlan
from tests.engines.wav2lip.conftest import TINY, random_generator

pytestmark = pytest.mark.slow

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
FRAMES = 10


def run_and_count(engine: Engine[Any]) -> Counter[type]:
    """Run a trial twice; return how many inputs went through each class of network and its base
    classes."""
    counts: Counter[type] = Counter()

    def count(module: torch.nn.Module, inputs: Any) -> None:
        for kind in type(module).mro():
            counts[kind] += len(inputs[0]) if inputs else 0

    hook = register_module_forward_pre_hook(count)
    try:
        try_out = trial.Trial(engine)
        try_out(FRAMES)
        try_out(FRAMES)
    finally:
        hook.remove()
    return counts


def test_the_built_in_engine_tracks_listens_and_moves_the_mouth(tmp_path: Path) -> None:
    engine = load_engine("builtin", WEIGHTS, Device(), tmp_path)
    counts = run_and_count(engine)
    assert counts[FaceMesh] == engine.tracker.batch_size
    patches = trial.prepare_drawing(engine, trial.extract_noise_features(engine), FRAMES)()
    assert isinstance(patches, list)
    assert len(patches) == FRAMES
    assert all(np.ptp(patch.luma.numpy()) > 0 for patch in patches)
    assert any(isinstance(module, WhisperEncoder) for module in engine.networks)


def test_a_checkpoint_s_engine_draws_each_frame(tmp_path: Path) -> None:
    builtin = WEIGHTS / "builtin"
    resident = LoadedWav2Lip(
        GeneratorRunner(
            random_generator(TINY), GeneratorMode(torch.float32, 5), torch.device("cpu")
        ),
        TINY.size,
        MelSpectrogram(),
        FaceTracker.load(builtin),
        load_reference_face(builtin),
    )
    engine = Wav2LipEngine(resident, Device(), "ab" * 32)
    counts = run_and_count(engine)
    assert counts[FaceMesh] == engine.tracker.batch_size
    assert counts[Generator] == 2 * FRAMES


def test_the_trial_listens_to_a_whole_window() -> None:
    assert WindowPlan().states <= trial.SOUND_SECONDS * STATE_RATE
