"""Keeps a drawn mouth from trembling with the mouth in the picture.

Four parameters do not describe a mouth completely. What they leave over, such as the outlines of
the lips and their place in the face, comes from the picture, whose mouth speaks words of its own
there, and from the tracker's noise. Averaged over neighbouring pictures, it still follows a smile.
"""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.tracking import mouth

SIGMA, REACH = 2.0, 5
"""Standard deviation and half width of the Gaussian average, pictures. How much more than the
source's the mouths of ten faces change where their aperture does not, with one sound, before they
are encoded: 1.57 times without, 1.53 with 0.7 pictures, 1.51 with 1.2, 1.50 with 2, 1.49 with 3."""


def steady_shapes(person: Person, sources: NDArray[np.intp], basis: Floats) -> Floats:
    """Return how the canonical landmarks of B pictures move to their average shape, (B, 478, 3).

    The shape is what remains without the part of ``basis`` (4, 478, 3) that speech moves. Only
    pictures of the same person count. What a picture gets does not depend on the others of
    ``sources`` (B,).
    """
    steps = np.arange(-REACH, REACH + 1)
    near = sources[:, None] + steps
    exists = (near >= 0) & (near < len(person.parameters))
    near = np.where(exists, near, sources[:, None])
    track = person.track
    counts = exists & track.usable[near] & (track.person[near] == track.person[sources][:, None])
    # A picture that is drawn counts in any case: the weights are never all 0.
    weights = np.exp(-0.5 * np.square(steps / SIGMA)) * (counts | (steps == 0))
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    pictures, places = np.unique(near, return_inverse=True)
    shapes = _speechless(person.canonical_landmarks(pictures), basis)
    places = places.reshape(near.shape)
    steady = np.zeros((len(sources), *shapes.shape[1:]), np.float32)
    for column in range(len(steps)):
        steady += weights[:, column, None, None] * shapes[places[:, column]]
    movement: Floats = steady - shapes[places[:, REACH]]
    return movement


def _speechless(canonical: Floats, basis: Floats) -> Floats:
    """Return canonical landmarks (B, 478, 3) without the movement by their mouth parameters."""
    still = canonical.copy()
    parameters = mouth.measure_mouth(canonical)
    for parameter in range(len(basis)):
        still -= parameters[:, parameter, None, None] * basis[parameter]
    return still
