"""Weights files and the networks that they belong to: read in one place, refused in one way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.system.atomic import atomic_file

ModuleT = TypeVar("ModuleT", bound=nn.Module)

REMEDY = "Restore the weights folder from the release."


def load_weights(module: ModuleT, path: Path, device: torch.device) -> ModuleT:
    """``module`` with the weights of a safetensors file, in float32, ready for inference.

    Raises WeightsUnavailable where the file is missing, damaged or of another network.
    """
    return apply_weights(module, read_weights(path), path, device)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises WeightsUnavailable."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsUnavailable(
            f"The weights file {path} cannot be read: {error}. {REMEDY}"
        ) from error


def apply_weights(
    module: ModuleT, tensors: dict[str, torch.Tensor], path: Path, device: torch.device
) -> ModuleT:
    """``module`` with the tensors ``stored`` that were read from ``path``, as ``load_weights``."""
    wanted = module.state_dict()
    converted = {
        name: tensor.to(wanted[name].dtype) if name in wanted else tensor
        for name, tensor in tensors.items()
    }
    try:
        module.load_state_dict(converted)
    except RuntimeError as error:
        raise WeightsUnavailable(
            f"The weights file {path} does not fit: {error}. {REMEDY}"
        ) from error
    module.eval().requires_grad_(False)
    for tensor in (*module.parameters(), *module.buffers()):
        layout = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
        tensor.data = tensor.data.to(device, memory_format=layout)
    return module


@contextmanager
def atomic_weights_file(target: Path) -> Iterator[Path]:
    """Where to write a safetensors file that shall become ``target``: complete or not there at
    all, and read by whoever may read this user's other new files."""
    with atomic_file(target) as temporary:
        temporary.touch()
        usual_mode = temporary.stat().st_mode
        yield temporary
        # The library makes files for its own user alone: root adds what another user must read.
        temporary.chmod(usual_mode)
