"""Chooses the speaker among the faces of each shot, and makes the samples of the track.

Faces that are not human (drawings, masks, animals) are recognized by their skin, their shape and
the mesh's logit.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.networks.mesh import LANDMARK_COUNT
from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from heygem_daemon.face.reading.mesh_reader import score_from_logit
from heygem_daemon.face.reading.pose import fit_pose
from heygem_daemon.face.reading.skin_colours import LOWER_PART, Colours
from heygem_daemon.face.tracking.follower import OTHER_PLACE_LIMIT, Appearance
from heygem_daemon.face.tracking.joining import JoinedLane, JoinedShot
from heygem_daemon.face.tracking.occlusion import find_covered
from heygem_daemon.face.tracking.selection import choose_speaker, eligible_faces
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.track import MouthProblem

DOUBTED_LOGIT = 22.5
"""Median logit of the mesh below which a face is doubtful. Measured: real faces of all kinds 25 to
32, a theatre mask 22, a drawn face with large eyes 18."""
ODD_SHAPE_DISTANCE = 0.08
"""Median distance of the mesh's points from the average face, IOD, which few people reach."""
FRONTAL_DEGREES = 25.0
"""Yaw and pitch up to which logit and distance can be compared with these limits."""
FLAT_SHADE = 4.0
"""Mean difference, 0-255, of the skin around the mouth from its median colour, below which it is
painted in one tone. Measured: skin 9 to 37, including smooth skin and good paintings."""
_OFTEN = 0.9
"""Share of the pictures in which the skin must be flat."""

_SAMPLES = 256
"""Pictures, about, from which it is decided whether a face is human."""
_LIPS = [*OUTER_UPPER_LIP, *OUTER_LOWER_LIP]
_NO_LANDMARKS: NDArray[np.float32] = np.zeros((LANDMARK_COUNT, 3), np.float32)


class SpeakerSelector:
    """Chooses who speaks, shot by shot, and remembers the people of earlier shots."""

    def __init__(self, choice: FaceChoice, reference: NDArray[np.float32]) -> None:
        """``reference``: the average face (478, 3), see ``face.reading.pose``."""
        self._choice = choice
        self._reference = reference
        self._people: list[Appearance] = []
        self._last: Appearance | None = None
        self._tracklet = 0
        self._face_count = 0

    def choose_samples(self, shot: JoinedShot) -> Iterator[FaceSample]:
        """Yield one sample for each of a shot's pictures."""
        length = shot.pictures
        lanes = [lane for lane in shot.lanes if len(lane)]
        humans = [lane for lane in lanes if self._is_human(lane)]
        others = [lane for lane in lanes if lane not in humans]
        candidates = [
            replace(lane.candidate, spoke_before=self._was_last_speaker(lane)) for lane in humans
        ]
        self._face_count = len(eligible_faces(candidates))
        number = choose_speaker(candidates, self._choice)
        lane = None if number is None else humans[number]
        problems = _absence_problems(humans, others, length)
        if lane is None:
            self._tracklet += 1
            yield from (self._absent_sample(problems[k]) for k in range(length))
        else:
            yield from self._present_samples(lane, problems, *shot.size)

    def _is_human(self, lane: JoinedLane) -> bool:
        step = -(-len(lane) // _SAMPLES)
        rows = np.concatenate([block[::step].copy() for block in lane.blocks()])
        return is_human(rows["landmarks"], rows["logit"], rows["colours"], self._reference)

    def _was_last_speaker(self, lane: JoinedLane) -> bool:
        return self._last is not None and lane.appearance.differs_from(self._last) < (
            OTHER_PLACE_LIMIT
        )

    def _present_samples(
        self, lane: JoinedLane, problems: NDArray[np.uint8], width: int, height: int
    ) -> Iterator[FaceSample]:
        person = self._person_number(lane.appearance)
        covered = _covered_pictures(lane)
        next_picture, tracklet = 0, None
        for block in lane.blocks():
            out_of_picture = _is_cut_off(block["landmarks"], width, height)
            for row, cut_off in zip(block, out_of_picture, strict=True):
                while next_picture < row["picture"]:
                    yield self._absent_sample(problems[next_picture])
                    next_picture += 1
                if row["tracklet"] != tracklet:
                    self._tracklet, tracklet = self._tracklet + 1, row["tracklet"]
                yield FaceSample(
                    row["landmarks"].copy(),
                    True,
                    score_from_logit(float(row["logit"])),
                    self._tracklet,
                    _mouth_problem(bool(cut_off), next_picture in covered),
                    person,
                    self._face_count,
                )
                next_picture += 1
        while next_picture < len(problems):
            yield self._absent_sample(problems[next_picture])
            next_picture += 1

    def _absent_sample(self, value: int) -> FaceSample:
        problem = MouthProblem(value)
        return FaceSample(
            _NO_LANDMARKS, False, 0.0, self._tracklet, problem, face_count=self._face_count
        )

    def _person_number(self, appearance: Appearance) -> int:
        """Return the number of the person with this appearance, a new one where there is none."""
        self._last = appearance
        differences = [appearance.differs_from(person) for person in self._people]
        if differences and min(differences) < OTHER_PLACE_LIMIT:
            return int(np.argmin(differences))
        self._people.append(appearance)
        return len(self._people) - 1


def _absence_problems(
    humans: list[JoinedLane], others: list[JoinedLane], length: int
) -> NDArray[np.uint8]:
    """Return (length,): the problem of each picture if the speaker is not in it."""
    problems: NDArray[np.uint8] = np.full(length, MouthProblem.NO_FACE, np.uint8)
    for lanes, problem in ((others, MouthProblem.NOT_HUMAN), (humans, MouthProblem.OTHER_PERSON)):
        for lane in lanes:
            for start, stop in lane.runs:
                problems[start:stop] = problem
    return problems


def _covered_pictures(lane: JoinedLane) -> frozenset[int]:
    """Return the numbers of the pictures in which the mouth is covered."""
    parts = [
        (block["picture"].copy(), block["colours"].copy(), block["logit"].copy())
        for block in lane.blocks()
    ]
    pictures, colours, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return frozenset(pictures[find_covered(colours, logits)].tolist())


def _is_cut_off(landmarks: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """Return (T,): whether the picture's border cuts the lips."""
    lips = landmarks[:, _LIPS, :2]
    return np.asarray(((lips < 0) | (lips > (width, height))).any(axis=(1, 2)))


def _mouth_problem(cut_off: bool, covered: bool) -> MouthProblem:
    if cut_off:
        return MouthProblem.OUT_OF_PICTURE
    return MouthProblem.COVERED if covered else MouthProblem.NONE


def is_human(landmarks: Floats, logits: Floats, colours: Colours, reference: Floats) -> bool:
    """Whether a face may be a person's, from T pictures of it.

    ``landmarks`` (T, 478, 3), the mesh's ``logits`` (T,), ``colours`` (T, COLOUR_POINT_COUNT, 3).
    ``reference``: the average face (478, 3).
    """
    return not has_flat_skin(colours) and not has_odd_shape(landmarks, logits, reference)


def has_flat_skin(colours: Colours) -> bool:
    """Whether the skin has a single tone, without shades, in nearly all pictures."""
    skin = colours[:, LOWER_PART].astype(np.float32)
    shades = np.abs(skin - np.median(skin, axis=1, keepdims=True)).max(axis=2).mean(axis=1)
    return bool(np.quantile(shades, _OFTEN) < FLAT_SHADE)


def has_odd_shape(landmarks: Floats, logits: Floats, reference: Floats) -> bool:
    """Whether a face is both doubtful and oddly shaped where it is frontal.

    Both are needed: a hand in front of a face lowers the logit too, and people's shapes differ.
    """
    pose = fit_pose(landmarks, reference)
    frontal = (np.abs(pose.angles()[:, :2]) < FRONTAL_DEGREES).all(axis=1)
    if not frontal.any() or np.median(logits[frontal]) >= DOUBTED_LOGIT:
        return False
    apart = pose.to_canonical(landmarks)[frontal] - reference
    distance = np.sqrt((apart**2).sum(axis=2).mean(axis=1))
    return bool(np.median(distance) >= ODD_SHAPE_DISTANCE)
