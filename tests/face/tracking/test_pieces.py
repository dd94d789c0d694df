"""A video is tracked in pieces, and it does not matter who tracks which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.face.tracking.records import RECORD_DTYPE
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.stored_pieces import StoredPiece, read_piece, write_piece
from heygem_daemon.face.tracking.track import MouthProblem
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from tests.face.scenes import comes_and_goes, numbered, with_hand
from tests.face.tracking.test_tracker import blank, shifted

PIECE = 24


@pytest.fixture
def pieces_of_24(tracker: FaceTracker, monkeypatch: pytest.MonkeyPatch) -> FaceTracker:
    monkeypatch.setattr(tracker, "piece_pictures", PIECE)
    return tracker


@pytest.fixture(scope="module")
def scene(presenter: list[Picture], portrait: Picture) -> list[Picture]:
    """A presenter who moves, a cut in the middle of a piece, another one between two pieces, and
    pictures in which nobody is."""
    rows, columns = presenter[0].height, presenter[0].width
    other = Picture(
        0,
        portrait.y[:rows, :columns].copy(),
        portrait.u[: rows // 2, : columns // 2].copy(),
        portrait.v[: rows // 2, : columns // 2].copy(),
        portrait.colour,
    )
    moving = [shifted(each, k % 40) for k, each in enumerate(presenter)]
    made = [*moving[:34], *[other] * 14, *moving[34:60], *[blank(other, 0)] * 9, *moving[60:]]
    return numbered(made)


def track_piece(
    tracker: FaceTracker, scene: Sequence[Picture], number: int, folder: Path
) -> StoredPiece:
    """Track one piece, as a worker does that tracks no other one."""
    pieces = tracker.track_pieces(
        scene[number * PIECE :], "largest", folder, None, number, lambda _number: False
    )
    (piece,) = pieces_and_files(pieces, folder)
    return piece


def pieces_and_files(pieces: object, folder: Path) -> list[StoredPiece]:
    found = []
    for piece in pieces:  # type: ignore[attr-defined]
        write_piece(piece, folder / f"piece-{piece.number}")
        found.append(read_piece(folder / f"piece-{piece.number}", piece.pictures))
    return found


def content(sample: FaceSample) -> tuple[object, ...]:
    return (
        sample.landmarks.tobytes(), sample.present, sample.score, sample.tracklet, sample.trouble,
        sample.person, sample.face_count,
    )  # fmt: skip


@pytest.mark.slow
def test_pieces_of_several_workers_make_the_same_track_bit_for_bit(
    pieces_of_24: FaceTracker, scene: list[Picture], tmp_path: Path
) -> None:
    alone = list(pieces_of_24.follow(scene))
    count = -(-len(scene) // PIECE)
    others = {k: track_piece(pieces_of_24, scene, k, tmp_path) for k in reversed(range(count))}
    shared = list(pieces_of_24.join([others[k] for k in range(count)], "largest"))
    assert [content(each) for each in shared] == [content(each) for each in alone]
    assert len(alone) == len(scene)
    assert [each.present for each in alone[:74]] == [True] * 74
    assert {each.tracklet for each in alone[:34]} == {1}, "a face goes on from piece to piece"
    assert alone[34].tracklet != alone[33].tracklet


def test_a_piece_in_the_middle_of_a_shot_changes_landmarks_little(
    tracker: FaceTracker, presenter: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tracker.track(presenter)
    monkeypatch.setattr(tracker, "piece_pictures", 40)
    parts = tracker.track(presenter)
    assert parts.landmarks[:38].tobytes() == whole.landmarks[:38].tobytes()
    apart = np.linalg.norm(parts.landmarks - whole.landmarks, axis=2).mean(axis=1)
    assert apart.max() < 0.03 * 68, "of the distance of the eyes"
    steps = np.linalg.norm(np.diff(parts.landmarks[..., :2], axis=0), axis=2).mean(axis=1)
    assert steps[39] < 2 * np.median(steps) + 0.2, "the jump of the landmarks is spread"


@pytest.mark.slow
def test_a_face_that_cannot_be_detected_where_a_piece_begins_is_followed_on(
    pieces_of_24: FaceTracker, presenter: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = numbered(presenter)
    find = type(pieces_of_24._models.finder).find
    monkeypatch.setattr(
        type(pieces_of_24._models.finder),
        "find",
        lambda self, picture: [] if PIECE <= picture.index < PIECE + 20 else find(self, picture),
    )
    monkeypatch.setattr(type(pieces_of_24._models.finder), "find_small", lambda *_: [])
    samples = list(pieces_of_24.follow(scene))
    assert all(each.present for each in samples)
    assert {each.tracklet for each in samples} == {1}


@pytest.mark.slow
def test_a_hand_in_front_of_a_mouth_while_a_piece_begins_is_seen(
    tracker: FaceTracker, presenter: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "piece_pictures", 30)
    landmarks = tracker.track(presenter).landmarks
    near = comes_and_goes(len(presenter), 25, 37)
    scene = [with_hand(*each) for each in zip(presenter, landmarks, near, strict=True)]
    samples = list(tracker.follow(numbered(scene)))
    assert all(each.present for each in samples)
    covered = [k for k, each in enumerate(samples) if each.trouble == MouthProblem.COVERED]
    assert set(range(26, 37)) <= set(covered) <= set(range(22, 41))


def test_the_tracking_ends_soon_after_the_last_piece_that_is_wanted(
    pieces_of_24: FaceTracker, presenter: list[Picture], tmp_path: Path
) -> None:
    taken: list[int] = []

    def pictures() -> object:
        for picture in presenter:
            taken.append(picture.index)
            yield picture

    pieces = pieces_of_24.track_pieces(
        pictures(),  # type: ignore[arg-type]
        "largest", tmp_path, None, 0, lambda number: number < 2,
    )  # fmt: skip
    assert [each.number for each in pieces] == [0, 1]
    assert len(taken) <= 2 * PIECE + 3
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def stored(pieces_of_24: FaceTracker, presenter: list[Picture], tmp_path: Path) -> Path:
    track_piece(pieces_of_24, presenter[:PIECE], 0, tmp_path)
    return tmp_path / "piece-0"


def test_a_piece_is_read_as_it_was_written(stored: Path) -> None:
    piece = read_piece(stored, PIECE)
    (stretch,) = piece.stretches
    (lane,) = stretch.lanes
    assert (piece.pictures, lane.count, piece.is_before_cut) == (PIECE, PIECE, False)
    assert lane.read()["picture"].tolist() == list(range(PIECE))


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[100:],
    lambda data: data.replace(b'"width":', b'"widht":', 1),
    lambda data: data.replace(b"[24]", b"[25]", 1), lambda data: b"[" * 100_000,
    lambda data: data.replace(b'"rows":[[24]]', b'"rows":[[-4]]', 1),
])  # fmt: skip
def test_a_file_that_is_no_piece_is_refused(stored: Path, damage: object) -> None:
    stored.write_bytes(damage(stored.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"rows|json|[Hh]eader|pictures"):
        read_piece(stored, PIECE)


@pytest.mark.parametrize(
    ("column", "value"),
    [("picture", 7), ("picture", 1000), ("tracklet", -1), ("landmarks", np.nan), ("logit", np.inf)],
)
def test_rows_that_no_tracker_writes_are_refused(stored: Path, column: str, value: float) -> None:
    data = stored.read_bytes()
    start = data.index(b"\n") + 1
    rows = np.frombuffer(data[start:], RECORD_DTYPE).copy()
    rows[column][-1] = value
    stored.write_bytes(data[:start] + rows.tobytes())
    with pytest.raises(ValueError, match="not observations"):
        read_piece(stored, PIECE)


def test_a_piece_of_another_length_a_link_and_a_folder_are_refused(
    stored: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="other pictures"):
        read_piece(stored, PIECE - 1)
    (tmp_path / "link").symlink_to(stored)
    for name in ("link", "missing"):
        with pytest.raises(OSError, match=name):
            read_piece(tmp_path / name, PIECE)
    with pytest.raises((OSError, ValueError)):
        read_piece(tmp_path, PIECE)
