"""Decode frames of a video by their index: seek to a keyframe, and replace damaged frames."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from av import VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.decoded_index import decode_frames
from heygem_daemon.media.decoder_threads import set_threads
from heygem_daemon.media.deinterlace import deinterlaced, is_interlaced
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard, refuse_out_of_memory
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT, unreadable
from heygem_daemon.media.source import free_closed_codecs, open_media
from heygem_daemon.media.video_index import VideoIndex

OnDamage = Callable[[int], None]


class VideoDecoder:
    """One decoding position in a file. With ascending indices each frame is decoded once."""

    def __init__(
        self,
        path: Path,
        stream: int,
        index: VideoIndex,
        on_damage: OnDamage,
        guard: MediaGuard = NO_LIMITS,
        on_fault: OnDamage = lambda _index: None,
        on_fields: Callable[[], None] = lambda: None,
        beside_other_work: bool = False,
    ) -> None:
        """``stream``: number of the video stream. ``on_damage(i)`` is called for every frame that
        is replaced by its neighbour because it cannot be decoded, ``on_fault(i)`` for every one
        that was decoded with errors, so that parts of it are made up, ``on_fields()`` for every
        one of two fields, of which a whole picture is made. ``beside_other_work``: see
        ``set_threads``."""
        self._path = path
        self._stream = stream
        self._index = index
        self._on_damage = on_damage
        self._guard = guard
        self._on_fault = on_fault
        self._on_fields = on_fields
        self._has_fields = False
        """Whether a frame of two fields has come."""
        self._beside_other_work = beside_other_work
        self._files = ExitStack()
        self._frames: Iterator[tuple[int, VideoFrame]] = iter(())
        self._current: tuple[int, VideoFrame] | None = None
        self._next: tuple[int, VideoFrame] | None = None
        self._begins_on_time = False
        """Whether the first frame after a seek is where the index has it. After a seek in an MPEG
        program stream the times of frames are off, often by one picture."""

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def decode(self, index: int) -> VideoFrame:
        """Return frame ``index`` in presentation order.

        Where it cannot be decoded: the nearest earlier one, else the first. Raises BadInput where
        no frame can be decoded, TooLarge where decoding takes too much memory.
        """
        with refuse_out_of_memory(self._path):
            return self._decode(index)

    def _decode(self, index: int) -> VideoFrame:
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
        row = self._keyframe_row_for(index)
        return row >= 0 and int(self._index.keyframes[row, 0]) > self._next[0]

    def _seek_before(self, index: int) -> None:
        """Move to a frame at or before ``index``, trying earlier keyframes until seeking works."""
        for row in range(self._keyframe_row_for(index), 0, -1):
            container, stream = self._open()
            try:
                container.seek(int(self._index.keyframes[row, 1]), stream=stream, backward=True)
            except MemoryError:
                raise
            except FFmpegError:
                continue
            except OSError as error:
                raise unreadable(self._path, error) from error
            lacks_neighbour = self._has_fields
            frames = deinterlaced(self._numbered(container, stream))
            # The first frame lacks the one before it, from which it would be made, too.
            first = self._start(islice(frames, 1 if lacks_neighbour else 0, None))
            if self._has_fields and not lacks_neighbour:
                self._seek_before(index)
                return
            if first <= index and self._begins_on_time:
                return
        self._start(deinterlaced(self._numbered(*self._open())))

    def _is_indexed(self, number: int, frame: VideoFrame) -> bool:
        """Whether a frame has the time of picture ``number``, which is a keyframe if it is one."""
        is_keyframe = number in self._index.keyframes[:, 0]
        return int(self._index.pts[number]) == frame.pts and (is_keyframe or not frame.key_frame)

    def _keyframe_row_for(self, index: int) -> int:
        """Return the row of the last keyframe from which frame ``index`` can be decoded."""
        return self._index.keyframe_row_before(index - 1 if self._has_fields else index)

    def _open(self) -> tuple[InputContainer, VideoStream]:
        # A frame or its iterator keeps a whole decoder alive: two would take twice the memory.
        self._frames, self._current, self._next = iter(()), None, None
        self._files.close()
        free_closed_codecs()
        container = self._files.enter_context(open_media(self._path))
        stream = container.streams[self._stream]
        assert isinstance(stream, VideoStream)
        set_threads(stream, self._guard.cores, self._beside_other_work)
        if (limits := self._guard.limits) is not None:
            options = stream.codec_context.options
            stream.codec_context.options = {**options, "max_pixels": str(limits.pixels)}
        return container, stream

    def _start(self, frames: Iterator[tuple[int, VideoFrame]]) -> int:
        """Decode the first of ``frames``; return its index, or the frame count if none comes."""
        self._frames = frames
        self._current, self._next = None, next(self._frames, None)
        return len(self._index) if self._next is None else self._next[0]

    def _numbered(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[tuple[int, VideoFrame]]:
        number, is_first = -1, True
        for frame in decode_frames(container, stream, self._guard.step):
            if self._index.has_timestamps and frame.pts is not None:
                number = self._index.picture_at(frame.pts)
            else:
                number += 1
            if 0 <= number < len(self._index):
                if is_first:
                    self._begins_on_time = self._is_indexed(number, frame)
                    is_first = False
                if frame.is_corrupt:
                    self._on_fault(number)
                if is_interlaced(frame):
                    self._has_fields = True
                    self._on_fields()
                yield number, frame
