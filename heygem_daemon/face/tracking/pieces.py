"""Tracks a video piece by piece: what is found in a piece depends on no other piece.

So several workers can share the pieces, and the track is the same, whoever made which. A piece
begins like a shot: faces are detected. Each face of the piece before is followed on until it is
found there, too: these pictures are its tail, by which ``face.tracking.joining`` knows it again.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field

from heygem_daemon.face.tracking.multi_face import FaceLane, MultiFaceTracker, is_one_face
from heygem_daemon.face.tracking.shots import ShotBlock

MAX_TAIL_PICTURES = 72
"""The most pictures through which a face is followed into the next piece until it is found there.
A face that is half covered or turned to the side can be followed, but not detected."""


@dataclass(slots=True)
class Stretch:
    """What a piece has of one shot."""

    first: int
    """Number of its first picture in the piece."""
    tracker: MultiFaceTracker
    pictures: int = 0
    """How many it has, without a tail."""


@dataclass(slots=True)
class TrackedPiece:
    """A piece that is tracked."""

    number: int
    stretches: list[Stretch] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    """Width and height of its pictures."""
    is_before_cut: bool = False
    """Whether there is a cut at its end."""
    _leaving: list[FaceLane] = field(default_factory=list)
    """The lanes that the next piece has not found yet."""
    _tail: int = 0
    """How many pictures the tail has."""

    @property
    def pictures(self) -> int:
        """How many pictures it has."""
        return self.stretches[-1].first + self.stretches[-1].pictures if self.stretches else 0

    def follow(self, block: ShotBlock, new_tracker: Callable[[], MultiFaceTracker]) -> None:
        """Follow all faces through its next pictures."""
        if block.first == 0:
            self.stretches.append(Stretch(self.pictures, new_tracker()))
            self.size = block.pictures[0].width, block.pictures[0].height
        self.stretches[-1].tracker.follow(block)
        self.stretches[-1].pictures += len(block.pictures)

    def begin_tail(self) -> None:
        """Follow the faces that are visible at its end into the next piece."""
        self._leaving = [lane for lane, _ in self.stretches[-1].tracker.visible_lanes()]

    @property
    def is_complete(self) -> bool:
        """Whether no face has to be followed on."""
        return not self._leaving or self._tail >= MAX_TAIL_PICTURES

    def follow_tail(self, block: ShotBlock, after: "TrackedPiece") -> None:
        """Follow its faces through pictures of the piece ``after`` it, which has these already."""
        last = self.stretches[-1]
        for lane in self._leaving:
            lane.add_observations(last.pictures + self._tail, lane.follower.follow(block.pictures))
        self._tail += len(block.pictures)
        found = [place for _, place in after.stretches[-1].tracker.visible_lanes()]
        self._leaving = [
            lane
            for lane, place in last.tracker.visible_lanes()
            if lane in self._leaving and not any(is_one_face(place, each) for each in found)
        ]

    def close(self) -> None:
        """Delete what is kept of it on disk."""
        for stretch in self.stretches:
            stretch.tracker.close()


@dataclass(slots=True)
class PieceTracker:
    """Tracks consecutive pieces of a video."""

    new_tracker: Callable[[bool], MultiFaceTracker]
    """Returns what follows the faces of a stretch; of one that counts, if True, and not only to
    find those of the piece before in it."""
    is_wanted: Callable[[int], bool]
    """Asked at the beginning of each piece but the first, with its number. The tracking ends before
    the first that is not wanted."""
    _current: TrackedPiece | None = None
    _ending: TrackedPiece | None = None
    """The piece before, while its faces are followed on."""
    _goes_on: bool = True
    """Whether the current piece is wanted."""

    def track(self, blocks: Iterable[ShotBlock]) -> Generator[TrackedPiece, None, None]:
        """Yield each piece of ``blocks`` when it is complete. The next request closes it."""
        try:
            for block in blocks:
                if self._current is None or block.piece != self._current.number:
                    yield from self._begin_piece(block)
                elif block.is_after_cut:
                    yield from self._end()
                if not self._is_over:
                    yield from self._follow(block)
                if self._is_over:
                    return
            yield from self._end()
            if self._current is not None and self._goes_on:
                yield self._current
        finally:
            for piece in (self._current, self._ending):
                if piece is not None:
                    piece.close()

    @property
    def _is_over(self) -> bool:
        return not self._goes_on and self._ending is None

    def _begin_piece(self, block: ShotBlock) -> Iterator[TrackedPiece]:
        yield from self._end()
        if not self._goes_on:
            return
        before, self._current = self._current, TrackedPiece(block.piece)
        if before is None:
            return
        self._ending, before.is_before_cut = before, block.is_after_cut
        if not block.is_after_cut:
            before.begin_tail()
        self._goes_on = self.is_wanted(block.piece)
        if before.is_complete:
            yield from self._end()

    def _follow(self, block: ShotBlock) -> Iterator[TrackedPiece]:
        assert self._current is not None
        self._current.follow(block, lambda: self.new_tracker(self._goes_on))
        if self._ending is not None:
            self._ending.follow_tail(block, self._current)
            if self._ending.is_complete:
                yield from self._end()

    def _end(self) -> Iterator[TrackedPiece]:
        """Yield the piece before, where it has not been."""
        if self._ending is not None:
            piece, self._ending = self._ending, None
            try:
                yield piece
            finally:
                piece.close()
