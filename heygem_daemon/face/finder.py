"""Where in a picture the face is, from nothing."""

from dataclasses import dataclass

import torch

from heygem_daemon.face.crop import Crop, around_detection
from heygem_daemon.face.detector import SIDE, FaceDetector, decode
from heygem_daemon.face.sampling import inside, sample
from heygem_daemon.media.picture import Picture

_SURROUNDINGS = 2.0
"""Side of the square in which a lost face is looked for first, over that of its crop."""
_TILE_OVERLAP = 0.5
"""Share of a tile that the next one covers again."""


@dataclass(frozen=True, slots=True)
class FaceFinder:
    """Runs the detector on a picture, whole or in tiles."""

    detector: FaceDetector
    device: torch.device

    @torch.inference_mode()
    def find(self, picture: Picture, near: Crop | None, thorough: bool) -> Crop | None:
        """The crop of the face to follow: the one that ``near`` already held, else the largest.

        ``thorough``: where the whole picture shows no face, look again in tiles of half its
        size, which finds faces half as large.
        """
        known = self._again(picture, near) if near is not None else []
        faces = known or self._faces(picture, _whole(picture))
        if not faces and thorough:
            faces = self._faces(picture, _tiles(picture))
        return max(faces, key=lambda face: face.side, default=None)

    def _again(self, picture: Picture, near: Crop) -> list[Crop]:
        """The face that ``near`` held, looked for around where it was."""
        around = Crop(near.x, near.y, near.side * _SURROUNDINGS)
        return [face for face in self._faces(picture, [around]) if _is_same(face, near)]

    def _faces(self, picture: Picture, squares: list[Crop]) -> list[Crop]:
        inputs = torch.cat([self._input(picture, square) for square in squares])
        boxes, logits = self.detector(inputs)
        return [
            around_detection(
                detection, square.x - square.side / 2, square.y - square.side / 2, square.side
            )
            for square, box, logit in zip(squares, boxes, logits, strict=True)
            for detection in decode(box, logit)
        ]

    def _input(self, picture: Picture, square: Crop) -> torch.Tensor:
        """(1, 3, 192, 192), -1 … 1; black beyond the picture."""
        rgb = sample([picture], square, SIDE, self.device)
        within = torch.from_numpy(inside(square, SIDE, picture.width, picture.height))
        return rgb * within.to(self.device) * 2 - 1


def _whole(picture: Picture) -> list[Crop]:
    side = float(max(picture.width, picture.height))
    return [Crop(picture.width / 2, picture.height / 2, side)]


def _tiles(picture: Picture) -> list[Crop]:
    """Squares of half the longer side that cover the picture, overlapping."""
    side = max(picture.width, picture.height) / 2
    return [
        Crop(x, y, side)
        for y in _centres(picture.height, side)
        for x in _centres(picture.width, side)
    ]


def _centres(length: int, side: float) -> list[float]:
    if length <= side:
        return [length / 2]
    steps = int((length - side) / (side * (1 - _TILE_OVERLAP)) + 0.999)
    gap = (length - side) / steps
    return [side / 2 + k * gap for k in range(steps + 1)]


def _is_same(face: Crop, near: Crop) -> bool:
    """Whether a found face lies where ``near`` held one, at about its size."""
    reach = near.side / 2
    close = abs(face.x - near.x) < reach / 2 and abs(face.y - near.y) < reach / 2
    return close and 0.5 < face.side / near.side < 2
