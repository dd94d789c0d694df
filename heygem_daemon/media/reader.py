"""Read the pictures of a video by index, in any order, in constant memory."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.errors import BadInput
from heygem_daemon.media.convert import PictureMaker, orientation_of
from heygem_daemon.media.decoder import Decoder
from heygem_daemon.media.index import build
from heygem_daemon.media.info import VideoInfo, describe, first_frame
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.source import REPLACE, opened
from heygem_daemon.media.streams import video_stream

BLOCK_BYTES = 128 << 20
"""Memory for the pictures of one block when a video is read backwards."""
TOLERATED_DAMAGE = 0.05


class VideoReader:
    """The best video stream of a file. Every iterator decodes on its own, so several may run at
    once, also in different threads."""

    def __init__(self, path: Path) -> None:
        """Index the file. Raises BadInput or EnvironmentFault."""
        self.path = path
        with opened(path) as container:
            stream = video_stream(container, path)
            first = first_frame(container, stream, path)
            self._stream = stream.index
            self._size = first.width, first.height
            self._orientation = orientation_of(first)
            info = describe(stream, first)
        self._index = build(path)
        self.info: VideoInfo = replace(info, frames=len(self._index))
        self._damaged: set[int] = set()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing stays open between iterations."""

    @property
    def frames(self) -> int:
        """Pictures in the video."""
        return len(self._index)

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Seconds from the first picture to each picture, ascending; shape (frames,)."""
        return self._index.seconds

    @property
    def damaged(self) -> int:
        """Pictures found undecodable so far, for which a neighbour was given."""
        return len(self._damaged)

    def index_at(self, time: Fraction) -> int:
        """The last picture at or before ``time`` seconds after the first one."""
        ticks = self._index.ticks
        wanted = int(ticks[0]) + int(time / self._index.time_base)
        return max(0, self._index.number_of(wanted))

    def pictures(self, start: int = 0, stop: int | None = None) -> Iterator[Picture]:
        """Pictures ``start`` … ``stop`` - 1 in order. Raises BadInput for too much damage."""
        return self.sequence(range(start, self.frames if stop is None else stop))

    def sequence(self, indices: Sequence[int]) -> Iterator[Picture]:
        """The pictures with these indices, in this order; repeats are one picture given twice.

        Ascending runs cost one decoding pass; descending runs are decoded in blocks of at most
        128 MB, forwards, and given out backwards. Raises BadInput for too much damage.
        """
        width, height = self._size
        maker = PictureMaker(width, height, self._orientation, self.info.colour)
        block = max(1, BLOCK_BYTES // (width * height * 3 // 2))
        with closing(Decoder(self.path, self._stream, self._index, self._note_damage)) as decoder:
            held: dict[int, Picture] = {}
            for place, number in enumerate(indices):
                if number not in held:
                    batch = ahead(indices, place, block)
                    held.clear()  # before the next block is made: two would be twice the memory
                    held.update((n, maker.picture(decoder.frame(n), n)) for n in batch)
                yield held[number]

    def _note_damage(self, index: int) -> None:
        self._damaged.add(index)
        if len(self._damaged) > max(1, self.frames * TOLERATED_DAMAGE):
            raise BadInput(
                f"{self.path.name} is damaged: at least {len(self._damaged)} of its {self.frames} "
                "pictures cannot be decoded.",
                REPLACE,
            )


def ahead(indices: Sequence[int], place: int, block: int) -> list[int]:
    """What to decode at once for ``indices[place]``: it alone, or the block of a descending run.

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
