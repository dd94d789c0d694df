"""Which of a shot's faces speaks: decided from the whole shot. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.config.choices import FaceChoice

MIN_VISIBLE_SHARE = 0.25
"""A face counts that is seen in this share of the pictures in which the most seen one is,"""
MIN_SIZE_SHARE = 1 / 3
"""and is at least of this share of the largest one's size: no passer-by, no poster behind."""
PREVIOUS_SPEAKER_WEIGHT = 1.25
"""How much larger and steadier another face must be to take the word from one who had it."""


@dataclass(frozen=True, slots=True)
class FaceCandidate:
    """A face of a shot: in how many ``pictures`` it was seen, its mean ``size`` and ``x`` of its
    middle in pixels, and whether it ``spoke`` in the shot before."""

    picture_count: int
    size: float
    x: float
    spoke_before: bool = False

    @property
    def weight(self) -> float:
        """How large and how long it was seen."""
        return (
            self.picture_count * self.size * (PREVIOUS_SPEAKER_WEIGHT if self.spoke_before else 1.0)
        )


def eligible_faces(faces: Sequence[FaceCandidate]) -> list[int]:
    """Indices of the faces that count, from left to right."""
    longest = max((face.picture_count for face in faces), default=0)
    steady = [
        k for k, face in enumerate(faces) if face.picture_count >= MIN_VISIBLE_SHARE * longest
    ]
    largest = max((faces[k].size for k in steady), default=0.0)
    return sorted(
        (k for k in steady if faces[k].size >= MIN_SIZE_SHARE * largest), key=lambda k: faces[k].x
    )


def choose_speaker(faces: Sequence[FaceCandidate], choice: FaceChoice) -> int | None:
    """Index of the face that speaks; None where there is none, or not so many."""
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
