"""Load weights files into networks, with one error for a file that cannot be used."""

import os
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
    """Load a safetensors file into ``module`` and return it, on ``device``, ready for inference.

    Weights are converted to the types of the module's own, which are float32.

    Raises WeightsUnavailable where the file is missing, damaged or of another network.
    """
    return apply_weights(module, read_weights(path), path, device)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file by name. Raises WeightsUnavailable."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsUnavailable(
            f"The weights file {path} cannot be read: {error}. {REMEDY}"
        ) from error


def apply_weights(
    module: ModuleT, tensors: dict[str, torch.Tensor], path: Path, device: torch.device
) -> ModuleT:
    """Load ``tensors``, which come from the file ``path``, into ``module``, as ``load_weights``."""
    own = module.state_dict()
    converted = {
        name: tensor.to(own[name].dtype) if name in own else tensor
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
    """A temporary file that replaces ``target`` at the end of the block, with the mode that new
    files of this user have."""
    with atomic_file(target) as temporary:
        temporary.touch()
        usual_mode = temporary.stat().st_mode
        yield temporary
        # safetensors makes files that only their owner may read; root adds files for another user.
        # A confined worker may not change a mode by name.
        with temporary.open("rb") as file:
            os.fchmod(file.fileno(), usual_mode)
