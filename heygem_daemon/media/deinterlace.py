"""Make whole pictures of interlaced ones, with FFmpeg's filter bwdif, at the same rate."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

from av import VideoFrame
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NoMore
from av.filter import Graph

TIME_BASE = Fraction(1, 50)
"""Of the filter's input; its times are not used."""
NOT_YIELDED = -1
"""Number of a frame that is only the one before another."""
NumberedFrame = tuple[int, VideoFrame]


def is_interlaced(frame: VideoFrame) -> bool:
    """Whether a decoded ``frame`` consists of two fields of different times."""
    return bool(frame.interlaced_frame)


def deinterlaced(frames: Iterator[NumberedFrame]) -> Iterator[NumberedFrame]:
    """Yield a whole picture for each of ``frames``, under its number; progressive ones as they are.

    A picture is made from its neighbours, too: the first one is less good than it would be if the
    one before it were known. Progressive frames go by the filter until one of two fields comes.
    """
    graph: _Bwdif | None = None
    before: NumberedFrame | None = None
    for number, frame in frames:
        if graph is None and not is_interlaced(frame):
            before = number, frame
            yield before
            continue
        if graph is None or not graph.accepts(frame):
            if graph is not None:
                yield from graph.finish()
            graph = _Bwdif(frame)
            if before is not None and graph.accepts(before[1]):
                graph.show(before[1])
            before = None
        yield from graph.filter(number, frame)
    if graph is not None:
        yield from graph.finish()


class _Bwdif:
    """The filter for frames of one size and pixel format."""

    def __init__(self, first: VideoFrame) -> None:
        self._kind = _kind_of(first)
        self._numbers: deque[int] = deque()
        """Of the frames that have gone in and not come out."""
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=TIME_BASE
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = self._graph.add("buffersink")
        self._graph.link_nodes(source, bwdif, sink).configure()
        self._count = 0

    def accepts(self, frame: VideoFrame) -> bool:
        """Whether ``frame`` is of the size and pixel format of the first."""
        return _kind_of(frame) == self._kind

    def show(self, frame: VideoFrame) -> None:
        """Put a frame in that precedes the others, and is not to come out."""
        deque(self.filter(NOT_YIELDED, frame), maxlen=0)

    def filter(self, number: int, frame: VideoFrame) -> Iterator[NumberedFrame]:
        """Put a frame in, and yield what comes out: a frame comes out when the next one is in."""
        frame.pts, frame.time_base = self._count, TIME_BASE
        self._count += 1
        self._numbers.append(number)
        self._graph.vpush(frame)
        yield from self._pull()

    def finish(self) -> Iterator[NumberedFrame]:
        """Yield what is left."""
        self._graph.vpush(None)
        yield from self._pull()

    def _pull(self) -> Iterator[NumberedFrame]:
        while self._numbers:
            try:
                frame = self._graph.vpull()
            except (NothingYet, NoMore):
                return
            number = self._numbers.popleft()
            if number != NOT_YIELDED:
                yield number, frame


def _kind_of(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
