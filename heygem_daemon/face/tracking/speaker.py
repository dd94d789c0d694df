"""Whether a face that is followed is a human one, by its skin, its shape and the mesh's trust.

From the faces of each shot to the one that speaks, picture by picture.
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
from heygem_daemon.face.tracking.multi_face import FaceLane, MultiFaceTracker
from heygem_daemon.face.tracking.occlusion import find_covered
from heygem_daemon.face.tracking.selection import choose_speaker, eligible_faces
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.track import MouthProblem

DOUBTED_LOGIT = 22.5
"""Median logit of the mesh below which it hardly believes in a face. Real ones of all kinds were
measured at 25 to 32, a theatre mask at 22, a drawn face with large eyes at 18."""
ODD_SHAPE_DISTANCE = 0.08
"""Median distance of the mesh's points from the average face, IOD, that only few people reach."""
FRONTAL = 25.0
"""Yaw and pitch in degrees up to which both figures mean something."""
FLAT_SHADE = 4.0
"""Mean difference, 0-255, of the skin around the mouth from its median colour, below which it is
painted in one tone. Skin was measured at 9 to 37, smooth and well painted skin included."""
_OFTEN = 0.9


def is_human(landmarks: Floats, logits: Floats, colours: Colours, reference: Floats) -> bool:
    """Whether landmarks (T, 478, 3), the mesh's logits (T,) and colours (T, PLACES, 3) may be a
    person's."""
    return not has_flat_skin(colours) and not has_odd_shape(landmarks, logits, reference)


def has_flat_skin(colours: Colours) -> bool:
    """Whether the skin has one tone and no shade in nearly all pictures."""
    skin = colours[:, LOWER_PART].astype(np.float32)
    shades = np.abs(skin - np.median(skin, axis=1, keepdims=True)).max(axis=2).mean(axis=1)
    return bool(np.quantile(shades, _OFTEN) < FLAT_SHADE)


def has_odd_shape(landmarks: Floats, logits: Floats, reference: Floats) -> bool:
    """Whether a face is both doubted and oddly shaped where it looks towards us: a hand before
    a face costs it trust too, and people differ."""
    pose = fit_pose(landmarks, reference)
    frontal = (np.abs(pose.angles()[:, :2]) < FRONTAL).all(axis=1)
    if not frontal.any() or np.median(logits[frontal]) >= DOUBTED_LOGIT:
        return False
    apart = pose.to_canonical(landmarks)[frontal] - reference
    distance = np.sqrt((apart**2).sum(axis=2).mean(axis=1))
    return bool(np.median(distance) >= ODD_SHAPE_DISTANCE)


_SAMPLES = 256
"""About so many pictures tell whether a face is human."""
_LIPS = [*OUTER_UPPER_LIP, *OUTER_LOWER_LIP]
_NO_LANDMARKS: NDArray[np.float32] = np.zeros((LANDMARK_COUNT, 3), np.float32)


class SpeakerSelector:
    """Who speaks, from shot to shot."""

    def __init__(self, choice: FaceChoice, reference: NDArray[np.float32]) -> None:
        """``reference``: the average face, see ``pose``."""
        self._choice = choice
        self._reference = reference
        self._people: list[Appearance] = []
        self._last: Appearance | None = None
        self._tracklet = 0
        self._face_count = 0

    def choose_samples(
        self, lanes: MultiFaceTracker, length: int, width: int, height: int
    ) -> Iterator[FaceSample]:
        """One sample for each of a shot's ``length`` pictures of ``width`` by ``height``."""
        if not length:
            return
        faces_seen = [lane for lane in lanes.lanes if len(lane.records)]
        seen = [lane for lane in faces_seen if self._is_human(lane)]
        unreal = [lane for lane in faces_seen if lane not in seen]
        faces = [
            replace(lane.candidate, spoke_before=self._was_last_speaker(lane)) for lane in seen
        ]
        self._face_count = len(eligible_faces(faces))
        number = choose_speaker(faces, self._choice)
        lane = None if number is None else seen[number]
        trouble = _absence_problems(seen, unreal, length)
        if lane is None:
            self._tracklet += 1
            yield from (self._absent_sample(trouble[k]) for k in range(length))
        else:
            yield from self._present_samples(lane, trouble, width, height)

    def _is_human(self, lane: FaceLane) -> bool:
        step = -(-len(lane.records) // _SAMPLES)
        rows = np.concatenate([block[::step].copy() for block in lane.records.blocks()])
        return is_human(rows["landmarks"], rows["logit"], rows["colours"], self._reference)

    def _was_last_speaker(self, lane: FaceLane) -> bool:
        return self._last is not None and lane.appearance.differs_from(self._last) < (
            OTHER_PLACE_LIMIT
        )

    def _present_samples(
        self, lane: FaceLane, trouble: NDArray[np.uint8], width: int, height: int
    ) -> Iterator[FaceSample]:
        person = self._person_number(lane.appearance)
        hidden = _covered_pictures(lane)
        next_picture, stretch = 0, None
        for block in lane.records.blocks():
            outside = _is_cut_off(block["landmarks"], width, height)
            for row, cut_off in zip(block, outside, strict=True):
                while next_picture < row["picture"]:
                    yield self._absent_sample(trouble[next_picture])
                    next_picture += 1
                if row["stretch"] != stretch:
                    self._tracklet, stretch = self._tracklet + 1, row["stretch"]
                yield FaceSample(
                    row["landmarks"].copy(),
                    True,
                    score_from_logit(float(row["logit"])),
                    self._tracklet,
                    _mouth_problem(bool(cut_off), next_picture in hidden),
                    person,
                    self._face_count,
                )
                next_picture += 1
        while next_picture < len(trouble):
            yield self._absent_sample(trouble[next_picture])
            next_picture += 1

    def _absent_sample(self, trouble: int) -> FaceSample:
        why = MouthProblem(trouble)
        return FaceSample(
            _NO_LANDMARKS, False, 0.0, self._tracklet, why, face_count=self._face_count
        )

    def _person_number(self, appearance: Appearance) -> int:
        """The number of the person who looks like this, a new one where none does."""
        self._last = appearance
        differences = [appearance.differs_from(known) for known in self._people]
        if differences and min(differences) < OTHER_PLACE_LIMIT:
            return int(np.argmin(differences))
        self._people.append(appearance)
        return len(self._people) - 1


def _absence_problems(
    people: list[FaceLane], unreal: list[FaceLane], length: int
) -> NDArray[np.uint8]:
    """What a picture lacks in which the speaker is not: any face, a human one, or just this."""
    trouble: NDArray[np.uint8] = np.full(length, MouthProblem.NO_FACE, np.uint8)
    for lanes, why in ((unreal, MouthProblem.NOT_HUMAN), (people, MouthProblem.OTHER_PERSON)):
        for lane in lanes:
            for start, stop in lane.records.runs:
                trouble[start:stop] = why
    return trouble


def _covered_pictures(lane: FaceLane) -> frozenset[int]:
    parts = [
        (block["picture"].copy(), block["colours"].copy(), block["logit"].copy())
        for block in lane.records.blocks()
    ]
    pictures, colours, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return frozenset(pictures[find_covered(colours, logits)].tolist())


def _is_cut_off(landmarks: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """Whether the picture's border cuts the lips, (T,)."""
    lips = landmarks[:, _LIPS, :2]
    return np.asarray(((lips < 0) | (lips > (width, height))).any(axis=(1, 2)))


def _mouth_problem(outside: bool, hidden: bool) -> MouthProblem:
    if outside:
        return MouthProblem.OUT_OF_PICTURE
    return MouthProblem.COVERED if hidden else MouthProblem.NONE
