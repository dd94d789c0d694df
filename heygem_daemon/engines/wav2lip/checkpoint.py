"""Read checkpoints of the Wav2Lip family and recognize their layout, without running their code.

The published files are pickles, which can hold any program. torch's restricted unpickler reads
them: it accepts tensors and plain values and refuses everything else.
"""

import pickle
import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from heygem_daemon.engines.wav2lip.layout import LAYOUTS, GeneratorLayout
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.errors import WeightsUnavailable

SAFETENSORS_SUFFIX = ".safetensors"

STATE_KEY = "state_dict"
"""The key of the weights in the published files."""
DATA_PARALLEL_PREFIX = "module."
"""Prefix of every name after training on several GPUs."""
BATCH_COUNTER_SUFFIX = "num_batches_tracked"
"""Batch norm's counters, which only training uses and conversions leave out."""
WEIGHT_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
"""The types that weights may have. Quantized files hold codes, which mean nothing without their
tables."""

_REFUSED_GLOBAL = re.compile(r"GLOBAL (\S+)")
"""How torch's message names the function that a pickle calls."""

Shapes = dict[str, tuple[int, ...]]


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the generator's tensors by name, without prefixes, on the CPU, in their own types.

    Raises WeightsUnavailable where the file cannot be read, is no checkpoint, or holds anything
    other than weights and plain values.
    """
    stored = _read(path)
    if isinstance(stored, dict) and isinstance(stored.get(STATE_KEY), dict):
        stored = stored[STATE_KEY]
    if not isinstance(stored, dict) or not stored:
        raise WeightsUnavailable(f"{path}: expected a table of weights, found {_kind(stored)}.")
    tensors = {}
    for name, value in stored.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsUnavailable(f"{path}: expected a tensor under {name!r}.")
        tensors[name.removeprefix(DATA_PARALLEL_PREFIX)] = value
    return tensors


def _read(path: Path) -> object:
    try:
        if path.suffix.lower() == SAFETENSORS_SUFFIX:
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsUnavailable(
            f"{path} is refused: it is damaged, or holds more than weights and could run a "
            f"program when loaded{_refused_global_note(error)}."
        ) from error
    except OSError as error:
        raise WeightsUnavailable(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # An unpickler that reads garbage may raise any exception.
        raise WeightsUnavailable(
            f"{path} is damaged, or no checkpoint of PyTorch or safetensors "
            f"({type(error).__name__}: {_first_line(error)})."
        ) from error


def recognize_layout(tensors: dict[str, Tensor], path: Path) -> GeneratorLayout:
    """Return the layout that has exactly these names and shapes.

    Raises WeightsUnavailable with the first weight that does not fit the nearest layout.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    candidates = [(layout, _shapes_of(layout)) for layout in LAYOUTS]
    layout, expected = min(candidates, key=lambda pair: len(_misfits(shapes, pair[1])))
    misfits = _misfits(shapes, expected)
    if not misfits:
        return layout
    name = misfits[0]
    if not shapes.keys() & expected.keys():
        names = ", ".join(layout.name for layout in LAYOUTS)
        raise WeightsUnavailable(f"{path} is no Wav2Lip generator; known are {names}.")
    raise WeightsUnavailable(
        f"{path} does not fit {layout.name}: {name} is {_shape(shapes.get(name))}, "
        f"expected {_shape(expected.get(name))}."
    )


def load_generator(path: Path) -> tuple[Generator, GeneratorLayout]:
    """Return a generator with the checkpoint's weights, float32, on the CPU, and its layout.

    Raises WeightsUnavailable where the file cannot be used, or holds weights that are not finite.
    """
    tensors = read_checkpoint(path)
    layout = recognize_layout(tensors, path)
    with torch.device("meta"):
        generator = Generator(layout)
    weights = {
        # Only training uses batch norm's counters, so the file need not have them.
        name: torch.zeros((), dtype=torch.int64)
        if name.endswith(BATCH_COUNTER_SUFFIX)
        else _to_float32(tensors[name], name, path)
        for name in generator.state_dict()
    }
    generator.load_state_dict(weights, assign=True)
    return generator.eval().requires_grad_(False), layout


def _to_float32(tensor: Tensor, name: str, path: Path) -> Tensor:
    """Return a weight in float32. Raises WeightsUnavailable where it is not made of finite
    numbers."""
    if tensor.dtype not in WEIGHT_DTYPES or tensor.layout != torch.strided or tensor.is_meta:
        found = str(tensor.dtype).removeprefix("torch.")
        form = "" if tensor.layout == torch.strided else " and sparse"
        raise WeightsUnavailable(
            f"{path}: {name} is stored as {found}{form}, expected float32, float16 or bfloat16."
        )
    numbers = tensor.float()
    if not bool(numbers.isfinite().all()):
        raise WeightsUnavailable(f"{path}: {name} holds values that are not numbers.")
    return numbers


def _shapes_of(layout: GeneratorLayout) -> Shapes:
    with torch.device("meta"):
        state = Generator(layout).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _misfits(shapes: Shapes, expected: Shapes) -> list[str]:
    """Return the names that are missing, of another shape, or unknown; in the layout's order."""
    wrong = [
        name
        for name, shape in expected.items()
        if shapes.get(name) != shape
        and not (name.endswith(BATCH_COUNTER_SUFFIX) and name not in shapes)
    ]
    return wrong + [name for name in shapes if name not in expected]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "x".join(map(str, shape)) or "one number"


def _kind(value: object) -> str:
    return "an empty one" if isinstance(value, dict) else type(value).__name__


def _refused_global_note(error: Exception) -> str:
    """Return the function that a pickle calls, where torch names it. The rest of torch's message
    is left out, because it explains how to load the file anyway."""
    named = _REFUSED_GLOBAL.search(str(error))
    return f" (it asks for {named.group(1)})" if named else ""


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
