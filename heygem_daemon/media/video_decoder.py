"""Decode a video's frames by presentation index: seek, run up, and bridge damage."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from av import VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.source import REPLACE_FILE_HINT, free_closed_codecs, open_media
from heygem_daemon.media.video_index import VideoIndex, decode_frames

OnDamage = Callable[[int], None]


class VideoDecoder:
    """One decoding position in a file. Ask for ascending indices to decode each frame once."""

    def __init__(self, path: Path, stream: int, index: VideoIndex, on_damage: OnDamage) -> None:
        """``stream`` is the number of the video stream; ``on_damage(i)`` is told of every frame
        that had to be replaced by its neighbour."""
        self._path = path
        self._stream = stream
        self._index = index
        self._on_damage = on_damage
        self._files = ExitStack()
        self._frames: Iterator[tuple[int, VideoFrame]] = iter(())
        self._current: tuple[int, VideoFrame] | None = None
        self._next: tuple[int, VideoFrame] | None = None

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def decode(self, index: int) -> VideoFrame:
        """The frame shown as number ``index``, or the nearest earlier one (else the first) where
        it cannot be decoded."""
        if self._must_seek(index):
            self._seek_before(index)
        while self._next is not None and self._next[0] <= index:
            self._current = self._next
            self._next = next(self._frames, None)
        found = self._current or self._next
        if found is None:
            raise BadInput(f"No picture of {self._path.name} can be decoded.", REPLACE_FILE_HINT)
        if found[0] != index:
            self._on_damage(index)
        return found[1]

    def _must_seek(self, index: int) -> bool:
        if self._current is None or index < self._current[0]:
            return True
        if self._next is None or index <= self._next[0] + 1:
            return False
        row = self._index.keyframe_row_before(index)
        return row >= 0 and int(self._index.keyframes[row, 0]) > self._next[0]

    def _seek_before(self, index: int) -> None:
        """Stand at a frame at or before ``index``, however far back one must go for it."""
        for row in range(self._index.keyframe_row_before(index), 0, -1):
            container, stream = self._open()
            try:
                container.seek(int(self._index.keyframes[row, 1]), stream=stream, backward=True)
            except FFmpegError:
                continue
            if self._start(container, stream) <= index and self._has_indexed_time():
                return
        self._start(*self._open())

    def _has_indexed_time(self) -> bool:
        """Whether the first frame after a seek has a time that is in the index.

        MPEG program streams give frames in the middle of the file times that are a little off.
        """
        if self._next is None:
            return False
        number, frame = self._next
        return int(self._index.pts[number]) == frame.pts

    def _open(self) -> tuple[InputContainer, VideoStream]:
        # Who holds a frame or its iterator holds a whole decoder: two would be twice the memory.
        self._frames, self._current, self._next = iter(()), None, None
        self._files.close()
        free_closed_codecs()
        container = self._files.enter_context(open_media(self._path))
        stream = container.streams[self._stream]
        assert isinstance(stream, VideoStream)
        stream.thread_type = "AUTO"
        return container, stream

    def _start(self, container: InputContainer, stream: VideoStream) -> int:
        """Decode the first frame from here; its index (that of the end, if there is none)."""
        self._frames = self._numbered(container, stream)
        self._current, self._next = None, next(self._frames, None)
        return len(self._index) if self._next is None else self._next[0]

    def _numbered(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[tuple[int, VideoFrame]]:
        number = -1
        for frame in decode_frames(container, stream):
            if self._index.has_timestamps and frame.pts is not None:
                number = self._index.picture_at(frame.pts)
            else:
                number += 1
            if 0 <= number < len(self._index):
                yield number, frame
