"""A track: the landmarks of one person over the pictures of a video."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class MouthProblem(IntEnum):
    """Why a mouth cannot be drawn in a picture, as far as the pictures tell."""

    NONE = 0
    NO_FACE = 1
    OTHER_PERSON = 2
    """The face that speaks is not there, but another person's is."""
    COVERED = 3
    OUT_OF_PICTURE = 4
    """The picture's border cuts the mouth."""
    NOT_HUMAN = 5
    """What looks like a face is none of a person."""

    @property
    def text(self) -> str:
        """The reason as reports give it."""
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
    """Landmarks of the face that speaks in every picture of a clip, from its first picture on.

    ``landmarks``: float32 (T, 478, 3): x right and y down in pixels of the upright picture, z
    away from the camera on the same scale (MediaPipe's face mesh numbering; 468-477 are irises).
    May be a read-only memory map. Rows where ``present`` is False are undefined.
    ``present``: bool (T,): a usable face was found in that picture.
    ``score``: float32 (T,): the mesh's own face presence probability, 0-1.
    ``trouble``: uint8 (T,), values of ``Trouble``: NO_FACE, STRANGER or UNREAL where not
    ``present``; a
    face may be present and its mouth COVERED or OUTSIDE. Where nothing is told of a picture
    without a face, NO_FACE.
    ``person``: int16 (T,): pictures of one number certainly show the same person; after a cut
    the same person may get another number. Without it, one person throughout.
    """

    landmarks: NDArray[np.float32]
    present: NDArray[np.bool_]
    score: NDArray[np.float32]
    trouble: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    person: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))

    def __post_init__(self) -> None:
        told = (
            self.trouble if len(self.trouble) == len(self.present) else np.uint8(MouthProblem.NONE)
        )
        silent = ~self.present & (told == MouthProblem.NONE)
        trouble = np.where(silent, np.uint8(MouthProblem.NO_FACE), told)
        object.__setattr__(self, "trouble", trouble)
        if len(self.person) != len(self.present):
            object.__setattr__(self, "person", np.zeros(len(self.present), np.int16))

    def __len__(self) -> int:
        return int(self.present.shape[0])

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(T,): the face is there, and its mouth free."""
        return np.asarray(self.trouble == MouthProblem.NONE)

    @property
    def coverage(self) -> float:
        """Share of pictures with a usable face, 0-1."""
        return float(self.present.mean()) if len(self) else 0.0
