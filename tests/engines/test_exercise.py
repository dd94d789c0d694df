"""What an engine runs for made-up pictures is what it runs for each picture of a job."""

from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.engines.catalogue import load_engine
from heygem_daemon.engines.wav2lip.engine import Resident, Wav2LipEngine
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.engines.wav2lip.runner import Pace, Runner
from heygem_daemon.face.mesh import FaceMesh
from heygem_daemon.face.pose import load_reference
from heygem_daemon.face.tracker import FaceTracker
from tests.engines.wav2lip.conftest import TINY, random_generator

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
PICTURES = 10


def pictures_of(engine: Engine[Any]) -> Counter[type]:
    """How many pictures went through each kind of network."""
    seen: Counter[type] = Counter()

    def look(module: torch.nn.Module, inputs: Any) -> None:
        seen[type(module)] += len(inputs[-1]) if inputs else 0

    hook = register_module_forward_pre_hook(look)
    try:
        engine.exercise(PICTURES)
    finally:
        hook.remove()
    return seen


def test_the_built_in_engine_reads_each_picture_once(tmp_path: Path) -> None:
    engine = load_engine("builtin", WEIGHTS, Device(), tmp_path)
    assert pictures_of(engine)[FaceMesh] == PICTURES


def test_a_checkpoint_s_engine_also_draws_each() -> None:
    builtin = WEIGHTS / "builtin"
    resident = Resident(
        Runner(random_generator(TINY), Pace(torch.float32, 5), torch.device("cpu")),
        TINY.size,
        MelSpectrogram(),
        FaceTracker.load(builtin),
        load_reference(builtin),
    )
    seen = pictures_of(Wav2LipEngine(resident, Device(), "ab" * 32))
    assert seen[FaceMesh] == PICTURES
    assert seen[Generator] == PICTURES
