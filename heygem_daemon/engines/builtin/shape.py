"""How the points of a face move with the mouth's parameters, and what mouths do on the mean."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from heygem_daemon.errors import WeightsUnavailable

Floats = NDArray[np.float32]

SHAPE_FILE = "mouth_shape.safetensors"


@dataclass(frozen=True, slots=True)
class MouthShape:
    """What was learned from people who speak (``training/mouth_basis.py``).

    ``basis``: (4, 478, 3) canonical movement per unit of each mouth parameter, IOD per IOD;
    ``quantiles``: (Q,) aperture above closed at equally spaced quantiles, as shares of its 95th
    percentile; ``deviations``: (4,) standard deviation of each parameter in speech, IOD.
    """

    basis: Floats
    quantiles: Floats
    deviations: Floats


def load_shape(weights: Path) -> MouthShape:
    """Read the folder's file. Raises WeightsUnavailable."""
    path = weights / SHAPE_FILE
    try:
        tensors = load_file(path)
        return MouthShape(tensors["basis"], tensors["quantiles"], tensors["deviations"])
    except (OSError, KeyError, SafetensorError) as error:
        raise WeightsUnavailable(f"the mouth's shapes {path} cannot be read: {error}") from error
