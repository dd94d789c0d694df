"""Checkpoints with random weights, in the forms in which users have them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96, GeneratorLayout, Stage
from heygem_daemon.engines.wav2lip.network import Generator


def _narrow(stage: Stage) -> Stage:
    return tuple(replace(layer, channels=max(4, layer.channels // 32)) for layer in stage)


def narrowed(layout: GeneratorLayout) -> GeneratorLayout:
    """``layout`` with few channels: quick, and of the same structure."""
    return replace(
        layout,
        name="tiny",
        face=tuple(map(_narrow, layout.face)),
        audio=_narrow(layout.audio),
        decoder=tuple(map(_narrow, layout.decoder)),
        refine=_narrow(layout.refine),
    )


TINY = narrowed(WAV2LIP_96)
"""The published generator with few channels."""


def random_generator(layout: GeneratorLayout = WAV2LIP_96, seed: int = 7) -> Generator:
    """A generator in which sound and picture come through to the last layer, and whose batch
    norms have values of their own."""
    torch.manual_seed(seed)
    generator = Generator(layout)
    for module in generator.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return generator.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def generator() -> Generator:
    return random_generator()


@pytest.fixture(scope="session")
def state(generator: Generator) -> dict[str, Tensor]:
    return generator.state_dict()


@pytest.fixture(scope="session")
def checkpoint(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published form: everything under ``state_dict``, from training on several GPUs."""
    path = tmp_path_factory.mktemp("checkpoint") / "wav2lip_gan.pth"
    weights = {f"module.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": weights, "optimizer": None, "global_step": 1}, path)
    return path
