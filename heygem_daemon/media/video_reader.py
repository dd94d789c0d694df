"""Read the pictures of a video by index, in any order and in constant memory."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.errors import BadInput
from heygem_daemon.media.deep_converter import DeepFormat
from heygem_daemon.media.frame_rate import choose_rate
from heygem_daemon.media.frame_spill import FrameSpill
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard, refuse_out_of_memory
from heygem_daemon.media.index_builder import build_index
from heygem_daemon.media.info import (
    VideoInfo,
    choose_video_stream,
    describe,
    first_frame,
)
from heygem_daemon.media.orientation import AS_SHOWN, Orientation, orientation_of
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.pixel_format import PictureConverter
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT
from heygem_daemon.media.source import open_media
from heygem_daemon.media.timeline import PictureTimes, missing_pictures
from heygem_daemon.media.video_decoder import VideoDecoder

SPILL_BYTES = 512 << 20
"""Disk space for the decoded pictures of one block when a video is read backwards. At 25 pictures
of 1440x1080 a second it holds more than ten seconds, the longest distance of keyframes with common
encoders."""
TOLERATED_DAMAGE = 0.05
"""Share of the pictures that may be undecodable."""


class VideoReader:
    """Reads the best video stream of a file. A context manager.

    Each iterator has a decoder of its own, so that several may run at once, also in different
    threads.
    """

    def __init__(
        self,
        path: Path,
        scratch: Path | None = None,
        guard: MediaGuard = NO_LIMITS,
        deep: DeepFormat | None = None,
        turn: Orientation = AS_SHOWN,
    ) -> None:
        """Index the file. ``scratch``: folder for decoded pictures while the video is read
        backwards; None: the system's folder for temporary files. ``guard`` also bounds all later
        reading. ``deep``: how the pictures get 10 bits, too; None: they have 8. ``turn``: as for
        the method of that name. Raises BadInput, TooLarge or EnvironmentFault."""
        self.path = path
        self.scratch = scratch
        self._deep = deep
        self.guard = guard
        with refuse_out_of_memory(path), open_media(path) as container:
            stream = choose_video_stream(container, path, guard)
            first = first_frame(container, stream, path, guard)
            self._stream = stream.index
            self._shown = self._orientation = orientation_of(first)
            info = describe(stream, first)
            stated = as_fraction(stream.average_rate or stream.guessed_rate, Fraction(0))
            first_pts, first_size = first.pts, (first.width, first.height)
            del first
        with refuse_out_of_memory(path):
            self._index = build_index(path, guard, first_pts)
        self._size = self._index.size or first_size
        self._shown_info = self.info = self._indexed_info(info, stated)
        self.turn(turn)
        self._damaged: set[int] = set()
        self._faulty: set[int] = set()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing stays open between iterations."""

    def keep_depth(self, deep: DeepFormat | None) -> None:
        """Give the pictures that are read from now on 10 bits, too; None: 8 alone."""
        self._deep = deep

    def turn(self, turn: Orientation) -> None:
        """Turn the pictures that are read from now on, as players show them, by ``turn``."""
        info = self._shown_info
        if turn.transpose:
            info = replace(
                info, width=info.height, height=info.width, sample_aspect=1 / info.sample_aspect
            )
        self.turned = turn
        self._orientation = self._shown.then(turn)
        self.info = replace(info, turned=turn.degrees)

    def _indexed_info(self, info: VideoInfo, stated: Fraction) -> VideoInfo:
        """Return ``info`` with what the index tells; ``stated``: the header's rate."""
        index = self._index
        width, height = self._size[::-1] if self._shown.transpose else self._size
        fps = choose_rate(index.timestamps, stated)
        return replace(
            info,
            width=width,
            height=height,
            fps=fps,
            frames=len(index),
            start=int(index.pts[0]) * index.time_base,
            missing_pictures=max(0, missing_pictures(index.timestamps, fps) - index.repeated),
            repeated_pictures=index.repeated,
            not_shown_pictures=index.not_shown,
            read_errors=index.read_errors,
            lost_seconds=index.lost_seconds,
        )

    @property
    def frame_count(self) -> int:
        """Number of pictures in the video."""
        return len(self._index)

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Seconds from the first picture to each picture, ascending; shape (frame_count,)."""
        return self._index.timestamps

    @property
    def times(self) -> PictureTimes:
        """When the pictures are shown."""
        seconds = self.timestamps
        length = Fraction(float(seconds[-1])) + 1 / self.info.fps
        return PictureTimes(seconds, self.info.start, length)

    @property
    def damaged_count(self) -> int:
        """Number of pictures found undecodable so far; a neighbour was shown for each."""
        return len(self._damaged) + self._index.undecodable

    def count_faulty(self, pictures: int) -> int:
        """Return how many pictures cannot be decoded, or only with errors.

        Those read so far count, and the first ``pictures`` if none of those did: these are read
        now. Raises BadInput for too much damage.
        """
        if not self._damaged | self._faulty:
            for _ in self.read_range(0, min(pictures, self.frame_count)):
                pass
        return len(self._damaged | self._faulty) + self._index.undecodable

    def index_at(self, time: Fraction) -> int:
        """Return the last picture at or before ``time`` seconds after the first one."""
        pts = int(self._index.pts[0]) + int(time / self._index.time_base)
        return max(0, self._index.picture_at(pts))

    def read_range(self, start: int = 0, stop: int | None = None) -> Iterator[Picture]:
        """Yield pictures ``start`` … ``stop`` - 1 in order. Raises BadInput for too much damage."""
        return self.read_indices(range(start, self.frame_count if stop is None else stop))

    def read_indices(
        self, indices: Sequence[int], beside_other_work: bool = False
    ) -> Iterator[Picture]:
        """Yield the pictures with these indices, in this order; a repeat yields the same object.

        ``beside_other_work``: other threads keep the processor busy meanwhile.

        Ascending runs cost one decoding pass. Descending runs are decoded forwards in blocks, kept
        on disk and yielded backwards. Memory is the same either way. Raises BadInput for too much
        damage, SpoolUnavailable where the disk is full.
        """
        self._require_little_damage()
        converter = PictureConverter(
            *self._size, self._orientation, self.info.colour, self.info.hdr, self._deep
        )
        width, height = self.info.width, self.info.height
        bytes_for_two = 3 if self._deep is None else 11
        block = max(1, SPILL_BYTES // (width * height * bytes_for_two // 2))
        shown: Picture | None = None
        with (
            closing(
                VideoDecoder(
                    self.path,
                    self._stream,
                    self._index,
                    self._note_damage,
                    self.guard,
                    self._faulty.add,
                    self._note_fields,
                    beside_other_work,
                )
            ) as decoder,
            FrameSpill(self.scratch, width, height, converter.colour) as spill,
        ):
            for place, number in enumerate(indices):
                if shown is None or shown.index != number:
                    batch = (
                        [number] if number in spill else self._decode_batch(indices, place, block)
                    )
                    decoded = (converter.convert(decoder.decode(n), n) for n in batch)
                    if len(batch) > 1:
                        spill.write(decoded)
                    shown = spill.read(number) if number in spill else next(decoded)
                yield shown

    def _decode_batch(self, indices: Sequence[int], place: int, block: int) -> list[int]:
        """Choose what to decode at once for ``indices[place]``, ascending.

        A block that does not reach the end of its run begins at a keyframe, if it holds one, so
        that no picture is decoded twice.
        """
        batch = decode_batch(indices, place, block)
        if len(batch) == block:
            first = next((n for n in self._index.keyframes[:, 0].tolist() if n >= batch[0]), 0)
            return [n for n in batch if n >= first] or batch
        return batch

    def _note_fields(self) -> None:
        if not self.info.interlaced:
            self.info = replace(self.info, interlaced=True)

    def _note_damage(self, index: int) -> None:
        self._damaged.add(index)
        self._require_little_damage()

    def _require_little_damage(self) -> None:
        if self.damaged_count > max(1, self.frame_count * TOLERATED_DAMAGE):
            raise BadInput(
                f"{self.path.name} is damaged: at least {self.damaged_count} of its "
                f"{self.frame_count} pictures cannot be decoded.",
                REPLACE_FILE_HINT,
            )


def decode_batch(indices: Sequence[int], place: int, block: int) -> list[int]:
    """Return what to decode at once for ``indices[place]``: it alone, or a descending run's block.

    Ascending, without repeats, at most ``block`` pictures.
    """
    run = [indices[place]]
    for later in range(place + 1, len(indices)):
        number = indices[later]
        if number > run[-1] or len(run) == block:
            break
        if number < run[-1]:
            run.append(number)
    return run[::-1]
