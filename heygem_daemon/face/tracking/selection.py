"""Which of a shot's faces speaks: decided from the whole shot. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.config.choices import FaceChoice

STEADY = 0.25
"""A face counts that is seen in this share of the pictures in which the most seen one is,"""
LARGE = 1 / 3
"""and is at least of this share of the largest one's size: no passer-by, no poster behind."""
FAITHFUL = 1.25
"""How much larger and steadier another face must be to take the word from one who had it."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face of a shot: in how many ``pictures`` it was seen, its mean ``size`` and ``x`` of its
    middle in pixels, and whether it ``spoke`` in the shot before."""

    pictures: int
    size: float
    x: float
    spoke: bool = False

    @property
    def weight(self) -> float:
        """How large and how long it was seen."""
        return self.pictures * self.size * (FAITHFUL if self.spoke else 1.0)


def counted(faces: Sequence[Face]) -> list[int]:
    """Indices of the faces that count, from left to right."""
    longest = max((face.pictures for face in faces), default=0)
    steady = [k for k, face in enumerate(faces) if face.pictures >= STEADY * longest]
    largest = max((faces[k].size for k in steady), default=0.0)
    return sorted((k for k in steady if faces[k].size >= LARGE * largest), key=lambda k: faces[k].x)


def chosen(faces: Sequence[Face], choice: FaceChoice) -> int | None:
    """Index of the face that speaks; None where there is none, or not so many."""
    order = counted(faces)
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
