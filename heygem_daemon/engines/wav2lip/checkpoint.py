"""Checkpoints of the Wav2Lip family: read without running what is in them, and recognized.

The published files are pickles, which can hold any program. They are read by an unpickler that
knows tensors and plain values only; everything else in them is refused.
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

SAFETENSORS = ".safetensors"

STATE_KEY = "state_dict"
DATA_PARALLEL_PREFIX = "module."
"""What training on several GPUs puts before every name."""
BATCH_COUNTER_SUFFIX = "num_batches_tracked"
"""Bookkeeping of batch norm in training, which conversions leave out."""
WEIGHT_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
"""The types that weights may have. What quantized files hold are codes, which mean nothing by
themselves."""

_REFUSED_GLOBAL = re.compile(r"GLOBAL (\S+)")
"""How torch names what a pickle would have called."""

Shapes = dict[str, tuple[int, ...]]


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The generator's tensors by their plain names, on the CPU, in the type that they have.

    Raises WeightsUnavailable where the file cannot be read, is no checkpoint, or holds anything
    but weights and plain values.
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
        if path.suffix.lower() == SAFETENSORS:
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
        # Garbage makes an unpickler raise anything at all.
        raise WeightsUnavailable(
            f"{path} is damaged, or no checkpoint of PyTorch or safetensors "
            f"({type(error).__name__}: {_first_line(error)})."
        ) from error


def recognize_layout(tensors: dict[str, Tensor], path: Path) -> GeneratorLayout:
    """The layout whose weights these are, to the last name and shape.

    Raises WeightsUnavailable naming the first weight that does not fit the nearest layout.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    known = [(layout, _shapes_of(layout)) for layout in LAYOUTS]
    layout, wanted = min(known, key=lambda pair: len(_misfits(shapes, pair[1])))
    misfits = _misfits(shapes, wanted)
    if not misfits:
        return layout
    name = misfits[0]
    if not shapes.keys() & wanted.keys():
        names = ", ".join(layout.name for layout in LAYOUTS)
        raise WeightsUnavailable(f"{path} is no Wav2Lip generator; known are {names}.")
    raise WeightsUnavailable(
        f"{path} does not fit {layout.name}: {name} is {_shape(shapes.get(name))}, "
        f"expected {_shape(wanted.get(name))}."
    )


def load_generator(path: Path) -> tuple[Generator, GeneratorLayout]:
    """A generator with the checkpoint's weights, float32, on the CPU, and its layout.

    Raises WeightsUnavailable where the file cannot be used, also for weights that are no numbers.
    """
    tensors = read_checkpoint(path)
    layout = recognize_layout(tensors, path)
    with torch.device("meta"):
        generator = Generator(layout)
    weights = {
        # Only training counts: these need not be the file's.
        name: torch.zeros((), dtype=torch.int64)
        if name.endswith(BATCH_COUNTER_SUFFIX)
        else _to_float32(tensors[name], name, path)
        for name in generator.state_dict()
    }
    generator.load_state_dict(weights, assign=True)
    return generator.eval().requires_grad_(False), layout


def _to_float32(tensor: Tensor, name: str, path: Path) -> Tensor:
    """The weight ``name`` in float32. Raises WeightsUnavailable where it is not made of numbers."""
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


def _misfits(shapes: Shapes, wanted: Shapes) -> list[str]:
    """The names that are missing, of another shape, or unknown; in the layout's order."""
    wrong = [
        name
        for name, shape in wanted.items()
        if shapes.get(name) != shape
        and not (name.endswith(BATCH_COUNTER_SUFFIX) and name not in shapes)
    ]
    return wrong + [name for name in shapes if name not in wanted]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "x".join(map(str, shape)) or "one number"


def _kind(value: object) -> str:
    return "an empty one" if isinstance(value, dict) else type(value).__name__


def _refused_global_note(error: Exception) -> str:
    """What a pickle would have called, where torch names it. The rest of torch's text is left out:
    it tells how to load the file all the same."""
    named = _REFUSED_GLOBAL.search(str(error))
    return f" (it asks for {named.group(1)})" if named else ""


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
