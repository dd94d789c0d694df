"""Draw one chunk: decode, let the engine paint, composite and encode, all at the same time.

An engine gets the decoded samples of a patch and returns samples. What it does not change stays
bit-identical to the source.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from heygem_daemon.device.batching import BatchSizer
from heygem_daemon.engines.base import Box, Engine, Performance
from heygem_daemon.engines.patch import Patch
from heygem_daemon.media.deep import carry_change
from heygem_daemon.media.label import VisibleLabel
from heygem_daemon.media.picture import ChangedRegion, Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.verify import ExpectedPictures
from heygem_daemon.media.video_codecs import EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter, even
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.output import encoder_of, published_size
from heygem_daemon.render.overlap import Prefetcher, ThreadedSink
from heygem_daemon.render.pixel_grid import paint_shown, pixel_grid

QUEUED_PICTURES = 8
"""Pictures that wait between decoder, engine and encoder."""

OnSource = Callable[[int, Picture], None]
"""``on_source(frame, picture)``: the source picture of an output frame."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RenderContext:
    """What all chunks of one job share."""

    reader: VideoReader
    timeline: Timeline
    engine: Engine[Any]
    performance: Performance
    options: RenderOptions
    label: VisibleLabel | None = None
    """Text that is drawn over every picture; None: none."""

    @property
    def expected_pictures(self) -> ExpectedPictures:
        """What the pictures of the result must be like."""
        # 4:2:0 has even sides.
        source = even(self.reader.info.width), even(self.reader.info.height)
        return ExpectedPictures(self.encoder, self.scaled_to or source, source)

    @property
    def scaled_to(self) -> tuple[int, int] | None:
        """Width and height of the result; None: those of the source."""
        info = self.reader.info
        return published_size(info.width, info.height, self.options.max_height)

    @property
    def encoder(self) -> EncoderSettings:
        """How the result's pictures are encoded."""
        chosen = encoder_of(self.options, self.reader.info)
        return replace(chosen, cores=self.reader.guard.cores)


def draw_chunk(
    context: RenderContext,
    chunk: Chunk,
    target: Path,
    on_frames: Callable[[int], None],
    batching: BatchSizer | None = None,
    on_source: OnSource = lambda _frame, _picture: None,
) -> None:
    """Render ``chunk`` to the segment file ``target``, which appears when it is complete.

    ``on_frames(n)`` is called after every batch with its number of frames. ``batching``: frames to
    paint at once; None: the engine's own batch size. ``on_source(frame, picture)`` is called with
    the source picture of every output frame. Raises what the engine raises, BadInput for too much
    damage in the video, and SpoolUnavailable where the disk is full.
    """
    batching = batching or BatchSizer(context.engine.batch)
    info, encoder = context.reader.info, context.encoder
    sources = context.timeline.source_indices[chunk.first : chunk.stop].tolist()
    numbers = range(chunk.first, chunk.stop)
    with (
        SegmentWriter(
            target,
            info.width,
            info.height,
            context.timeline.fps,
            info.colour if encoder.deep is None else encoder.deep.colour,
            encoder=encoder,
            scaled_to=context.scaled_to,
            sample_aspect=info.sample_aspect,
        ) as writer,
        ThreadedSink(partial(_write, writer), QUEUED_PICTURES) as sink,
        Prefetcher(
            context.reader.read_indices(sources, beside_other_work=True),
            max(QUEUED_PICTURES, batching.size),
        ) as pictures,
    ):
        for batch in split_batches(zip(numbers, pictures, strict=True), lambda: batching.size):
            for painted in batching.run(len(batch), partial(_paint_batch, context, batch)):
                for each in painted:
                    sink.put(each)
                on_frames(len(painted))
            for frame, picture in batch:
                on_source(frame, picture)


def _write(writer: SegmentWriter, drawn: tuple[Picture, ChangedRegion | None]) -> None:
    writer.write(*drawn)


def _paint_batch(
    context: RenderContext, batch: list[tuple[int, Picture]], part: slice
) -> list[tuple[Picture, ChangedRegion | None]]:
    """Return, for each frame, a picture to encode and the region that is drawn into it."""
    frames = batch[part]
    regions = paint_regions(context, frames)
    label, deep = context.label, context.encoder.deep
    if label is None and deep is None:
        return [(source, region) for (_, source), region in zip(frames, regions, strict=True)]
    # What follows changes or compares whole pictures.
    painted = _composed(frames, regions)
    if label is not None:
        painted = [
            label.draw(frame, each) for (frame, _), each in zip(frames, painted, strict=True)
        ]
    if deep is not None:
        pairs = zip(frames, painted, strict=True)
        painted = [carry_change(source, each, deep) for (_, source), each in pairs]
    return [(picture, None) for picture in painted]


def paint(context: RenderContext, batch: list[tuple[int, Picture]]) -> list[Picture]:
    """Return the output pictures of ``batch``, a list of (output frame number, source picture).

    A picture that the performance passes through is returned unchanged.
    """
    return _composed(batch, paint_regions(context, batch))


def _composed(
    batch: list[tuple[int, Picture]], regions: list[ChangedRegion | None]
) -> list[Picture]:
    return [
        source if region is None else source.with_region(region)
        for (_, source), region in zip(batch, regions, strict=True)
    ]


def paint_regions(
    context: RenderContext, batch: list[tuple[int, Picture]]
) -> list[ChangedRegion | None]:
    """Return what is drawn into each source picture of ``batch``, as in ``paint``; None: nothing.

    The pictures are not copied: nearly all of their samples stay as they are.
    """
    device = context.engine.device.torch_device
    grid = pixel_grid(context.reader.info)
    boxes = [context.performance.region(frame) for frame, _ in batch]
    drawn = [
        (frame, picture, box)
        for (frame, picture), box in zip(batch, boxes, strict=True)
        if box is not None
    ]
    frames = [frame for frame, _, _ in drawn]
    shown = [box for _, _, box in drawn]
    places = [grid.stored_box(box) if grid else box for box in shown]
    patches = [
        extract_patch(picture, place, device)
        for (_, picture, _), place in zip(drawn, places, strict=True)
    ]
    painted = (
        paint_shown(context.performance, grid, frames, shown, patches)
        if grid
        else context.performance.paint(frames, patches)
    )
    regions = map(to_region, places, painted)
    return [None if box is None else next(regions) for box in boxes]


def extract_patch(picture: Picture, box: Box, device: torch.device | str = "cpu") -> Patch:
    """Copy what ``picture`` shows inside ``box`` to ``device``."""
    luma = picture.y[_window(box, 1)].copy()
    chroma = np.stack([picture.u[_window(box, 2)], picture.v[_window(box, 2)]])
    return Patch(torch.from_numpy(luma).to(device), torch.from_numpy(chroma).to(device))


def to_region(box: Box, patch: Patch) -> ChangedRegion:
    """Return ``patch`` as samples that replace the rectangle ``box`` of a picture."""
    u, v = patch.chroma.cpu().numpy()
    return ChangedRegion(box.left, box.top, patch.luma.cpu().numpy(), u, v)


def _window(box: Box, step: int) -> tuple[slice, slice]:
    rows = slice(box.top // step, box.bottom // step)
    return rows, slice(box.left // step, box.right // step)


def split_batches(items: Iterable[T], size: Callable[[], int]) -> Iterator[list[T]]:
    """Yield consecutive lists of ``size()`` items; the last may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size())):
        yield batch
