"""The track of a video: the landmarks of the face that speaks in every picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class MouthProblem(IntEnum):
    """Why a mouth cannot be drawn in a picture, as far as the pictures show."""

    NONE = 0
    NO_FACE = 1
    OTHER_PERSON = 2
    """The speaker's face is not in the picture, but another person's is."""
    COVERED = 3
    OUT_OF_PICTURE = 4
    """The picture's border cuts the mouth."""
    NOT_HUMAN = 5
    """What looks like a face is not a person's."""

    @property
    def text(self) -> str:
        """The reason in words, for reports."""
        return _TEXTS[self]


_TEXTS = {
    MouthProblem.NONE: "",
    MouthProblem.NO_FACE: "no face found",
    MouthProblem.OTHER_PERSON: "another person in the picture",
    MouthProblem.COVERED: "mouth covered",
    MouthProblem.OUT_OF_PICTURE: "mouth outside the picture",
    MouthProblem.NOT_HUMAN: "no human face, but a drawing, an animal or a mask",
}


@dataclass(frozen=True, slots=True)
class Track:
    """The face that speaks in every picture of a clip, from its first picture on."""

    landmarks: NDArray[np.float32]
    """(T, 478, 3): x right and y down in pixels of the upright picture, z away from the camera on
    the same scale (MediaPipe's face mesh numbering; 468-477 are irises). May be a read-only memory
    map. Rows where ``present`` is False are undefined."""
    present: NDArray[np.bool_]
    """(T,): whether a usable face was found."""
    score: NDArray[np.float32]
    """(T,): the mesh's presence probability, 0-1."""
    trouble: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    """(T,), values of ``MouthProblem``. Where not ``present``: NO_FACE (the default), OTHER_PERSON
    or NOT_HUMAN. Where present: NONE, COVERED or OUT_OF_PICTURE."""
    person: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    """(T,): pictures with one number certainly show the same person; after a cut the same person
    may get another number. By default all pictures show one person."""

    def __post_init__(self) -> None:
        given = (
            self.trouble if len(self.trouble) == len(self.present) else np.uint8(MouthProblem.NONE)
        )
        unexplained = ~self.present & (given == MouthProblem.NONE)
        trouble = np.where(unexplained, np.uint8(MouthProblem.NO_FACE), given)
        object.__setattr__(self, "trouble", trouble)
        if len(self.person) != len(self.present):
            object.__setattr__(self, "person", np.zeros(len(self.present), np.int16))

    def __len__(self) -> int:
        return int(self.present.shape[0])

    def chosen(self, pictures: Sequence[int]) -> "Track":
        """Return the track of some pictures, in memory."""
        rows = np.array(pictures, dtype=np.intp)
        return Track(
            landmarks=np.asarray(self.landmarks[rows]),
            present=self.present[rows],
            score=self.score[rows],
            trouble=self.trouble[rows],
            person=self.person[rows],
        )

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(T,): whether the face is present and its mouth can be drawn."""
        return np.asarray(self.trouble == MouthProblem.NONE)

    @property
    def coverage(self) -> float:
        """Share of pictures with a usable face, 0-1."""
        return float(self.present.mean()) if len(self) else 0.0
