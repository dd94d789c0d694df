"""Cut a box out of a picture for an engine, and lay back what the engine made of it.

An engine gets the decoded samples and gives samples back, so what it returns as it came is
bit-identical to the source.

Draw one chunk: decode, paint, composite and encode, overlapped.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from heygem_daemon.device.batching import BatchSizer
from heygem_daemon.engines.base import Box, Engine, Performance
from heygem_daemon.engines.patch import Patch
from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.overlap import Prefetcher, ThreadedSink


def extract_patch(picture: Picture, box: Box, device: torch.device | str = "cpu") -> Patch:
    """A copy of what ``picture`` shows inside ``box``, on ``device``."""
    luma = picture.y[_window(box, 1)].copy()
    chroma = np.stack([picture.u[_window(box, 2)], picture.v[_window(box, 2)]])
    return Patch(torch.from_numpy(luma).to(device), torch.from_numpy(chroma).to(device))


def composite_patch(picture: Picture, box: Box, patch: Patch) -> Picture:
    """A copy of ``picture`` with ``patch`` inside ``box``; every sample outside stays as it was."""
    luma, (u, v) = patch.luma.cpu().numpy(), patch.chroma.cpu().numpy()
    return Picture(
        index=picture.index,
        y=_replace_region(picture.y, box, 1, luma),
        u=_replace_region(picture.u, box, 2, u),
        v=_replace_region(picture.v, box, 2, v),
        colour=picture.colour,
    )


def _window(box: Box, step: int) -> tuple[slice, slice]:
    rows = slice(box.top // step, box.bottom // step)
    return rows, slice(box.left // step, box.right // step)


def _replace_region(plane: Plane, box: Box, step: int, patch: Plane) -> Plane:
    changed = plane.copy()
    changed[_window(box, step)] = patch
    return changed


QUEUED_PICTURES = 8

OnSource = Callable[[int, Picture], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RenderContext:
    """All that the chunks of one job have in common."""

    reader: VideoReader
    timeline: Timeline
    engine: Engine[Any]
    performance: Performance
    options: RenderOptions


def draw_chunk(
    context: RenderContext,
    chunk: Chunk,
    target: Path,
    on_frames: Callable[[int], None],
    batching: BatchSizer | None = None,
    on_source: OnSource = lambda _frame, _picture: None,
) -> None:
    """Render ``chunk`` into the segment file ``target``, which appears when it is complete.

    ``on_frames(n)`` is called after every batch with the number of frames in it. ``batching``:
    frames to paint at once; None: as the engine likes it. ``on_source(frame, picture)`` is told
    the source picture of every output frame.
    """
    batching = batching or BatchSizer(context.engine.batch)
    info = context.reader.info
    sources = context.timeline.source_indices[chunk.first : chunk.stop].tolist()
    numbers = range(chunk.first, chunk.stop)
    with (
        SegmentWriter(
            target,
            info.width,
            info.height,
            context.timeline.fps,
            info.colour,
            crf=context.options.crf,
            preset=context.options.preset,
            sample_aspect=info.sample_aspect,
        ) as writer,
        ThreadedSink(writer.write, QUEUED_PICTURES) as sink,
        Prefetcher(
            context.reader.read_indices(sources), max(QUEUED_PICTURES, batching.size)
        ) as pictures,
    ):
        for batch in split_batches(zip(numbers, pictures, strict=True), lambda: batching.size):
            for painted in batching.run(len(batch), partial(_paint_batch, context, batch)):
                for picture in painted:
                    sink.put(picture)
                on_frames(len(painted))
            for frame, picture in batch:
                on_source(frame, picture)


def _paint_batch(
    context: RenderContext, batch: list[tuple[int, Picture]], part: slice
) -> list[Picture]:
    return paint(context, batch[part])


def paint(context: RenderContext, batch: list[tuple[int, Picture]]) -> list[Picture]:
    """The pictures of ``batch`` (output frame number, source picture) as they are published.

    A picture that the performance passes through is returned as it came.
    """
    device = context.engine.device.torch_device
    regions = [(place, context.performance.region(frame)) for place, (frame, _) in enumerate(batch)]
    drawn = [(place, box) for place, box in regions if box is not None]
    patches = [extract_patch(batch[place][1], box, device) for place, box in drawn]
    painted = context.performance.paint([batch[place][0] for place, _ in drawn], patches)
    pictures = [picture for _, picture in batch]
    for (place, box), patch in zip(drawn, painted, strict=True):
        pictures[place] = composite_patch(pictures[place], box, patch)
    return pictures


def split_batches(items: Iterable[T], size: Callable[[], int]) -> Iterator[list[T]]:
    """Consecutive lists of as many items as ``size`` says each time; the last may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size())):
        yield batch
