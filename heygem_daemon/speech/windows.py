"""A stream of sound in overlapping windows, and what was made of the windows in one piece again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES, Samples

Curves = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How a stream is cut: windows of ``states`` encoder states; two neighbours share
    ``overlap`` of them, and are cross-faded in the middle half of it, where both have context
    to either side.

    Windows of 10 s agreed slightly better with real mouths than those of 15 or 30 s.
    """

    states: int = 10 * STATE_RATE
    overlap: int = 3 * STATE_RATE

    def __post_init__(self) -> None:
        if not 0 < 2 * self.overlap <= self.states:
            raise ValueError("windows must overlap by no more than half of their length")

    @property
    def step(self) -> int:
        """States from one window's start to the next one's."""
        return self.states - self.overlap


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the sound: ``samples``, float32, a whole number of states (the sound's end is
    padded with silence), of which the first ``shared`` states lie in the previous window too."""

    samples: Samples
    shared: int


def windows(blocks: Iterable[Samples], plan: WindowPlan) -> Iterator[Window]:
    """Cut a stream into windows; the same whatever the sizes of the blocks.

    Holds one window and one block in memory. A sound without samples has no window.
    """
    size, step = plan.states * STATE_SAMPLES, plan.step * STATE_SAMPLES
    held = np.zeros(0, np.float32)
    shared = 0
    for block in blocks:
        held = np.concatenate([held, np.asarray(block, np.float32)])
        # Strictly more: a window that ends with the sound is the last one.
        while len(held) > size:
            yield Window(held[:size], shared)
            held, shared = held[step:], plan.overlap
    states = -(-len(held) // STATE_SAMPLES)
    if states:
        yield Window(np.pad(held, (0, states * STATE_SAMPLES - len(held))), shared)


def joined(pieces: Iterable[tuple[Curves, int]], columns: int) -> Iterator[Curves]:
    """Curves (N, columns) of a whole sound from those of its windows, part by part.

    ``pieces``: for each window its curves (n, columns), one row a state, and its ``shared``.
    N is ceil(samples / STATE_SAMPLES). There is at least one part, maybe an empty one.
    """
    tail = np.zeros((0, columns), np.float32)
    for curves, shared in pieces:
        weight = fade(shared)[:, None]
        free = len(tail) - shared
        yield tail[:free]
        yield (1 - weight) * tail[free:] + weight * curves[:shared]
        tail = curves[shared:]
    yield tail


def fade(states: int) -> Curves:
    """Weights (states,) of the later window: 0 in the first quarter, 1 in the last."""
    place = (np.arange(states, dtype=np.float32) + 0.5) / states
    weights: Curves = np.clip(2 * place - 0.5, 0, 1).astype(np.float32)
    return weights
