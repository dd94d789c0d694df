"""Chooses which of a shot's faces speaks, from the whole shot. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.config.choices import FaceChoice

MIN_VISIBLE_SHARE = 0.25
"""A face is eligible if it is seen in this share of the pictures of the face seen most often."""
MIN_SIZE_SHARE = 1 / 3
"""An eligible face also has at least this share of the largest one's size. This excludes
passers-by, and posters in the background."""
PREVIOUS_SPEAKER_WEIGHT = 1.25
"""Factor on the weight of the face that spoke in the shot before."""


@dataclass(frozen=True, slots=True)
class FaceCandidate:
    """A face of a shot."""

    picture_count: int
    """In how many pictures it was seen."""
    size: float
    """Its mean size, pixels."""
    x: float
    """The mean x of its middle, pixels."""
    spoke_before: bool = False
    """Whether it spoke in the shot before."""

    @property
    def weight(self) -> float:
        """How large it is and how long it was seen, pixels times pictures."""
        return (
            self.picture_count * self.size * (PREVIOUS_SPEAKER_WEIGHT if self.spoke_before else 1.0)
        )


def eligible_faces(faces: Sequence[FaceCandidate]) -> list[int]:
    """Return the indices of the eligible faces, from left to right."""
    longest = max((face.picture_count for face in faces), default=0)
    steady = [
        k for k, face in enumerate(faces) if face.picture_count >= MIN_VISIBLE_SHARE * longest
    ]
    largest = max((faces[k].size for k in steady), default=0.0)
    return sorted(
        (k for k in steady if faces[k].size >= MIN_SIZE_SHARE * largest), key=lambda k: faces[k].x
    )


def choose_speaker(faces: Sequence[FaceCandidate], choice: FaceChoice) -> int | None:
    """Return the index of the face that speaks; None where there is no such face."""
    order = eligible_faces(faces)
    if not order:
        return None
    match choice:
        case "largest":
            return max(order, key=lambda k: faces[k].weight)
        case "left":
            return order[0]
        case "right":
            return order[-1]
        case number:
            return order[number - 1] if number <= len(order) else None
