"""The inside of real mouths that ships with the weights, for people who never open their own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from heygem_daemon.device.arrays import Floats
from heygem_daemon.errors import WeightsUnavailable

INTERIOR_FILE = "mouth_interior.safetensors"
TEETH_LEFT, TEETH_TOP, TEETH_BOTTOM = -0.28, -0.14, 0.04
"""The part of the plane that the teeth cover, IOD. The gap between the middle teeth is at x = 0,
their lowest edge at y = 0."""
TEETH_SIZE = (46, 143)
"""Rows and columns of the teeth."""
TEETH_DENSITY = TEETH_SIZE[1] / (-2 * TEETH_LEFT)
"""Pixels per IOD of the teeth."""
EDGE_REACH = 0.05
"""Distance from the teeth's outline up to which it is known, IOD."""
FLOOR_HEIGHT = 0.32
"""How far the floor of the mouth reaches above the lower lip, IOD."""
FLOOR_SIZE = (64, 96)
"""Rows, from the lower lip upwards, and columns, from corner to corner, of the floor."""


@dataclass(frozen=True, slots=True)
class ShippedInterior:
    """Upper teeth, and the floor of a mouth."""

    teeth: NDArray[np.uint8]
    """(4, *TEETH_SIZE), Y, U, V, and the distance inside the outline: 128 on it, 255 at
    ``EDGE_REACH``."""
    teeth_skin: Floats
    """(3,), mean Y, U, V of the skin around the mouth that the teeth come from."""
    floor: NDArray[np.uint8]
    """(3, *FLOOR_SIZE), Y, U, V: the tongue, and the dark behind it."""
    floor_skin: Floats
    """(3,), as ``teeth_skin``."""


def load_interior(weights: Path) -> ShippedInterior:
    """Read the interior in the folder ``weights``. Raises WeightsUnavailable."""
    path = weights / INTERIOR_FILE
    try:
        tensors = load_file(path)
        return ShippedInterior(
            tensors["teeth"], tensors["teeth_skin"], tensors["floor"], tensors["floor_skin"]
        )
    except (OSError, KeyError, SafetensorError) as error:
        raise WeightsUnavailable(f"the mouth's interior {path} cannot be read: {error}") from error
