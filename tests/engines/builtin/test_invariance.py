"""The same job in other chunks, batches, threads and runs gives the same frames."""

from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from itertools import islice

import numpy as np
import pytest
import torch

from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.performance import MouthPerformance
from heygem_daemon.engines.builtin.planner import build_performance, fill_gaps
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.tracking import mouth
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render.chunks import split_frames
from heygem_daemon.render.draw import extract_patch, split_batches, to_region

pytestmark = pytest.mark.slow

FPS = Fraction(25)
FRAMES = 190
TURN = 130
"""The output shows the first pictures forwards, then backwards: some are shown twice."""


@pytest.fixture(scope="module")
def sources() -> np.ndarray:
    forwards = np.arange(TURN)
    return np.concatenate([forwards, forwards[::-1]])[:FRAMES].astype(np.int32)


def planned(
    presenter: Template,
    person: Person,
    shape: MouthShape,
    interior: ShippedInterior,
    sources: np.ndarray,
) -> MouthPerformance:
    targets = fill_gaps(person.parameters)[sources].copy()
    targets[:, mouth.APERTURE] = 0.09 - 0.09 * np.cos(np.arange(FRAMES) * 0.6)
    return build_performance(
        presenter, person, sources, targets, shape, interior, torch.device("cpu")
    )


@pytest.fixture(scope="module")
def performance(
    presenter: Template,
    person: Person,
    shape: MouthShape,
    interior: ShippedInterior,
    sources: np.ndarray,
) -> MouthPerformance:
    return planned(presenter, person, shape, interior, sources)


@pytest.fixture(scope="module")
def pictures(presenter: Template, sources: np.ndarray) -> list[Picture]:
    with VideoReader(presenter.video) as reader:
        return list(reader.read_indices(sources.tolist()))


def drawn(
    performance: MouthPerformance, pictures: list[Picture], seconds: float, size: int
) -> Iterator[Picture]:
    """Yield the frames as they are published, drawn in chunks of ``seconds`` and batches of
    ``size``.
    """
    for chunk in split_frames(FRAMES, FPS, seconds):
        for batch in split_batches(range(chunk.first, chunk.stop), lambda: size):
            boxes = [box for frame in batch if (box := performance.region(frame))]
            assert len(boxes) == len(batch)
            patches = [extract_patch(pictures[k], box) for k, box in zip(batch, boxes, strict=True)]
            painted = performance.paint(batch, patches)
            for frame, box, patch in zip(batch, boxes, painted, strict=True):
                yield pictures[frame].with_region(to_region(box, patch))


def digest(frames: Iterator[Picture]) -> list[str]:
    return [sha256(f.y.tobytes() + f.u.tobytes() + f.v.tobytes()).hexdigest() for f in frames]


@pytest.fixture(scope="module")
def expected(performance: MouthPerformance, pictures: list[Picture]) -> list[str]:
    return digest(drawn(performance, pictures, 30, 8))


@pytest.mark.parametrize(("seconds", "size"), [(1, 8), (7, 8), (30, 32), (7, 1)])
def test_chunks_and_batches_change_no_sample(
    performance: MouthPerformance,
    pictures: list[Picture],
    expected: list[str],
    seconds: float,
    size: int,
) -> None:
    assert digest(drawn(performance, pictures, seconds, size)) == expected


def test_two_runs_are_identical(
    presenter: Template,
    person: Person,
    shape: MouthShape,
    interior: ShippedInterior,
    sources: np.ndarray,
    pictures: list[Picture],
    expected: list[str],
) -> None:
    again = planned(presenter, person, shape, interior, sources)
    assert digest(drawn(again, pictures, 30, 8)) == expected


def test_threads_change_nothing_but_rounding(
    performance: MouthPerformance, pictures: list[Picture]
) -> None:
    one = list(islice(drawn(performance, pictures, 30, 8), 32))
    torch.set_num_threads(2)
    try:
        two = list(islice(drawn(performance, pictures, 30, 8), 32))
    finally:
        torch.set_num_threads(1)
    most = max(np.abs(a.y.astype(int) - b.y).max() for a, b in zip(one, two, strict=True))
    assert most <= 1


def test_samples_outside_the_region_are_those_of_the_source(
    performance: MouthPerformance, pictures: list[Picture]
) -> None:
    touched = 0
    for frame, after in enumerate(drawn(performance, pictures, 30, 8)):
        box, before = performance.region(frame), pictures[frame]
        assert box is not None
        for step, old, new in (
            (1, before.y, after.y),
            (2, before.u, after.u),
            (2, before.v, after.v),
        ):
            changed = old != new
            touched += int(changed.sum())
            changed[box.top // step : box.bottom // step, box.left // step : box.right // step] = 0
            assert not changed.any()
    assert touched > 100 * FRAMES
