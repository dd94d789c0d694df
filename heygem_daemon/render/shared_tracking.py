"""Track the video of a job: alone, or together with other workers that have none of their own.

The video is tracked in pieces (``face.tracking.pieces``). Each is a file in the workspace, which is
a checkpoint too: the next attempt uses it. Who tracks which piece is claimed as for chunks. The
name of a piece says what it was made from, with the version of the job's files: a piece of a video
that somebody changed since fits no other attempt and no other worker.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.face.tracking.multi_face import OnFace
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.stored_pieces import StoredPiece, read_piece, write_piece
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.shown_pixels import in_shown_pixels
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import Render
from heygem_daemon.render.chunk_claims import (
    claim_chunk,
    clear_claims,
    give_back,
    is_with_assistant,
)
from heygem_daemon.render.overlap import Prefetcher
from heygem_daemon.render.report import Inputs
from heygem_daemon.render.template import (
    PREFETCHED_PICTURES,
    OnPictures,
    pictures_to_track,
    template_key,
)
from heygem_daemon.render.unchanged import InputWatch

POLL_SECONDS = 0.1
"""How often to look whether another worker has finished its piece."""
LOOK_SECONDS = 1.0
"""Least time between two looks at what other workers have finished, while this one tracks."""
TAKE_BACK_SECONDS = 20.0
"""When nobody has finished a piece for so long, the job's own worker tracks those of others too."""
_PATTERNS = ("track-*.faces", ".track-*", "tracking-*")


@dataclass(frozen=True, slots=True)
class TrackPiece:
    """A piece of a video, as the files of a workspace name it."""

    source: str
    """What it is made from: 16 hex digits."""
    number: int
    first: int
    """Its first picture."""
    stop: int
    """The picture after its last one."""

    def path(self, folder: Path) -> Path:
        """Return the path of its file."""
        return folder / f"track-{self.source}-{self.number:05d}.faces"

    def claim_path(self, workspace: Path) -> Path:
        """Return the path of the file that says who tracks it."""
        return workspace / f"claim-track-{self.source}-{self.number:05d}"


def clear_tracking(workspace: Path) -> None:
    """Remove all pieces: the template is in the cache, or nobody will use them."""
    for pattern in _PATTERNS:
        for path in workspace.glob(pattern):
            path.unlink(missing_ok=True)


@dataclass(slots=True)
class SharedTracking:
    """The tracking of a job's video, in which this worker takes part."""

    reader: VideoReader
    tracker: FaceTracker
    face: FaceChoice
    plan: tuple[TrackPiece, ...]
    workspace: Path
    is_proven: Callable[[], bool]
    """Whether the job's files are still what they were when ``plan`` was made."""
    on_pictures: OnPictures = lambda _done, _total: None
    """Called as tracking goes on."""
    finished: set[int] = field(default_factory=set)
    """The numbers of the pieces that are tracked, whoever did it."""
    _own: dict[int, Path] = field(default_factory=dict)
    """The files of the pieces that this worker has tracked."""
    _looked_at: float = 0.0
    _changed_at: float = 0.0
    """When the last piece was finished, monotonic time."""

    # The job's own worker.

    def samples(self, folder: Path, on_face: OnFace) -> Iterator[FaceSample]:
        """Yield the samples of the whole video, after all pieces are tracked. ``folder``: for what
        is kept while a piece is tracked. Raises as ``FaceTracker.follow``."""
        return self.tracker.join(self._track_all(folder, on_face), self.face)

    def _track_all(self, folder: Path, on_face: OnFace) -> list[StoredPiece]:
        """Track every piece that no earlier attempt has tracked and that no other worker tracks,
        and wait for those; return all pieces in their order."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        clear_claims(self.workspace)
        self._offer.touch()
        try:
            pieces: dict[int, StoredPiece] = {}
            while len(pieces) < len(self.plan):
                self._changed_at = time.monotonic()
                self._track_free(folder, on_face)
                pieces |= self._read_finished(pieces)
        finally:
            self._offer.unlink(missing_ok=True)
        return [pieces[each.number] for each in self.plan]

    def _track_free(self, folder: Path, on_face: OnFace) -> None:
        """Track free pieces until all are finished."""
        while True:
            self._look()
            left = [each for each in self.plan if each.number not in self.finished]
            if not left:
                return
            free = next((each for each in left if self._claim_own(each)), None)
            if free is not None:
                self._track_from(free, self.workspace, folder, self._look_and_claim, on_face)
            else:
                self.reader.guard.step()
                time.sleep(POLL_SECONDS)
                self._report(left[0].first)

    def _look_and_claim(self, piece: TrackPiece) -> bool:
        self._look()
        return piece.number not in self.finished and self._claim_own(piece)

    def _claim_own(self, piece: TrackPiece) -> bool:
        """Claim a piece that is not finished; return whether this worker may track it."""
        is_late = time.monotonic() - self._changed_at >= TAKE_BACK_SECONDS
        is_mine = claim_chunk(piece, self.workspace)
        return is_mine or is_late or not is_with_assistant(piece, self.workspace)

    def _read_finished(self, known: dict[int, StoredPiece]) -> dict[int, StoredPiece]:
        """Read the finished pieces; one that is none is tracked again."""
        found = {}
        for piece in self.plan:
            if piece.number in known:
                continue
            path = self._own.get(piece.number, piece.path(self.workspace))
            try:
                found[piece.number] = read_piece(path, piece.stop - piece.first)
            except (OSError, ValueError):
                if piece.number in self._own:
                    raise
                with suppress(OSError):
                    path.unlink()
                self.finished.discard(piece.number)
                give_back(piece, self.workspace)
        return found

    # An assistant.

    def track_for_others(self, folder: Path, on_finished: Callable[[int], None]) -> int:
        """Track pieces of a job whose own worker tracks too, into ``folder`` of its workspace,
        until none is left that nobody has; return how many. ``on_finished`` is called with their
        number so far."""
        claimed: list[TrackPiece] = []

        def claim(piece: TrackPiece) -> bool:
            on_finished(len(self._own))
            is_free = self.is_offered and piece.number not in self._present()
            if not is_free or not claim_chunk(piece, self.workspace, folder.name):
                return False
            claimed.append(piece)
            return True

        try:
            while self.is_offered:
                start = next((each for each in self._in_turn() if claim(each)), None)
                if start is None:
                    break
                self._track_from(start, folder, folder, claim, None)
        finally:
            for piece in claimed:
                if piece.number not in self._own:
                    give_back(piece, self.workspace)
        return len(self._own)

    @property
    def is_offered(self) -> bool:
        """Whether the job's own worker tracks this video now, and lets others help."""
        return self._offer.exists()

    def _in_turn(self) -> Iterator[TrackPiece]:
        """Yield free pieces, first the middle of the longest run of them: there it is longest
        until somebody else's piece is reached."""
        taken = self._present() | {
            each.number for each in self.plan if each.claim_path(self.workspace).exists()
        }
        free = [each.number for each in self.plan if each.number not in taken]
        middle = middle_of_longest_run(free)
        for number in sorted(free, key=lambda each: (each < middle, abs(each - middle))):
            yield self.plan[number]

    # Both.

    @property
    def _offer(self) -> Path:
        return self.workspace / f"tracking-{self.plan[0].source}"

    def _track_from(
        self,
        start: TrackPiece,
        target: Path,
        folder: Path,
        claim: Callable[[TrackPiece], bool],
        on_face: OnFace | None,
    ) -> None:
        """Track ``start``, which is claimed, and the pieces after it as far as they can be."""
        stored = self.reader.read_range(start.first, self.plan[-1].stop)
        shown = in_shown_pixels(stored, self.reader.info.sample_aspect)
        with Prefetcher(shown, PREFETCHED_PICTURES) as pictures:
            pieces = self.tracker.track_pieces(
                self._count(pictures, start.first),
                self.face,
                folder,
                on_face,
                start.number,
                lambda number: claim(self.plan[number]),
            )
            with closing(pieces):
                for piece in pieces:
                    place = self.plan[piece.number]
                    draft = target / f".{place.path(target).name}"
                    write_piece(piece, draft)
                    self._keep(place, draft, target)

    def _keep(self, piece: TrackPiece, draft: Path, target: Path) -> None:
        """Give a piece its name, if it is proven that it is what that says."""
        self._own[piece.number] = draft
        if self.is_proven():
            self._own[piece.number] = draft.replace(piece.path(target))
        self.finished.add(piece.number)
        self._changed_at = time.monotonic()

    def _count(self, pictures: Iterable[Picture], first: int) -> Iterator[Picture]:
        """Yield ``pictures``, and report how many are tracked."""
        for position, picture in enumerate(pictures, first):
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._look()
            self._report(position)
            yield picture

    def _report(self, position: int) -> None:
        """Report how many pictures are tracked, while this worker is at picture ``position``."""
        number, begun = divmod(position, self.tracker.piece_pictures)
        others = len(self.finished) - (number in self.finished)
        total = self.plan[-1].stop
        self.on_pictures(min(others * self.tracker.piece_pictures + begun, total), total)

    def _look(self) -> None:
        """Look which pieces are finished."""
        self._looked_at = time.monotonic()
        found = self._present()
        if not found <= self.finished:
            self._changed_at = self._looked_at
            self.finished |= found

    def _present(self) -> set[int]:
        """Return the numbers of the pieces whose files are in the workspace."""
        names = {each.name for each in self.workspace.iterdir()}
        return {each.number for each in self.plan if each.path(self.workspace).name in names}


def middle_of_longest_run(numbers: list[int]) -> int:
    """Return the middle of the longest run without a gap in ascending ``numbers``; 0: there are
    none."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    longest = max(runs, key=len, default=[0])
    return longest[len(longest) // 2]


def share_tracking(
    render: Render,
    inputs: Inputs,
    reader: VideoReader,
    needed_pictures: int,
    tracker: FaceTracker,
    watch: InputWatch,
) -> SharedTracking | None:
    """Return what tracks the video of a job together with other workers; None where that cannot
    be, or has only one piece. Parameters as ``staged_template``."""
    face = render.options.face
    count = pictures_to_track(reader.frame_count, needed_pictures, reader.info.fps)
    if watch.version is None or count <= tracker.piece_pictures:
        return None
    key = template_key(reader, inputs.video_sha256, needed_pictures, face)
    plan = plan_pieces(f"{key} {watch.version}", count, tracker.piece_pictures)
    return SharedTracking(reader, tracker, face, plan, Path(render.workspace), watch.is_proven)


def plan_pieces(source: str, count: int, long: int) -> tuple[TrackPiece, ...]:
    """Return the pieces of ``count`` pictures, ``long`` each but the last. ``source``: names what
    they are made from."""
    digits = sha256(source.encode()).hexdigest()[:16]
    return tuple(
        TrackPiece(digits, number, first, min(first + long, count))
        for number, first in enumerate(range(0, count, long))
    )
