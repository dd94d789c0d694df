"""Finds the faces in a picture with the detector."""

from dataclasses import dataclass

import torch

from heygem_daemon.face.networks.detector import INPUT_SIDE, FaceDetector, decode_detections
from heygem_daemon.face.reading.crop import Crop, centre_distance, crop_around_detection
from heygem_daemon.face.reading.sampling import inside_mask, sample_crop
from heygem_daemon.media.picture import Picture

_SEARCH_SCALE = 2.0
"""Side of the square in which a lost face is searched, divided by that of its crop."""
_TILE_OVERLAP = 0.5
"""Share of a tile that the next tile covers as well."""


@dataclass(frozen=True, slots=True)
class FaceFinder:
    """Runs the detector on a picture, whole or in tiles."""

    detector: FaceDetector
    device: torch.device

    @torch.inference_mode()
    def find(self, picture: Picture) -> list[Crop]:
        """Return the crops of all faces from about a twelfth of the picture's longer side, the
        largest first."""
        return _largest_first(self._detect(picture, _whole(picture)))

    @torch.inference_mode()
    def find_small(self, picture: Picture) -> list[Crop]:
        """Return the crops of faces half as large as well, the largest first; some come twice.

        The detector reads tiles of half the picture's longer side.
        """
        return _largest_first(self._detect(picture, _tiles(picture)))

    @torch.inference_mode()
    def find_near(self, picture: Picture, last_crop: Crop) -> Crop | None:
        """Return the crop of the nearest face of about ``last_crop``'s size; None where there is
        none."""
        around = Crop(last_crop.x, last_crop.y, last_crop.side * _SEARCH_SCALE)
        near = [face for face in self._detect(picture, [around]) if _is_near(face, last_crop)]
        return min(near, key=lambda face: centre_distance(face, last_crop), default=None)

    def _detect(self, picture: Picture, squares: list[Crop]) -> list[Crop]:
        inputs = torch.cat([self._input(picture, square) for square in squares])
        boxes, logits = self.detector(inputs)
        return [
            crop_around_detection(
                detection, square.x - square.side / 2, square.y - square.side / 2, square.side
            )
            for square, box, logit in zip(squares, boxes, logits, strict=True)
            for detection in decode_detections(box, logit)
        ]

    def _input(self, picture: Picture, square: Crop) -> torch.Tensor:
        """Return (1, 3, 192, 192), -1 … 1; black beyond the picture."""
        rgb = sample_crop([picture], square, INPUT_SIDE, self.device)
        within = torch.from_numpy(inside_mask(square, INPUT_SIDE, picture.width, picture.height))
        return rgb * within.to(self.device) * 2 - 1


def _largest_first(faces: list[Crop]) -> list[Crop]:
    return sorted(faces, key=lambda face: -face.side)


def _whole(picture: Picture) -> list[Crop]:
    side = float(max(picture.width, picture.height))
    return [Crop(picture.width / 2, picture.height / 2, side)]


def _tiles(picture: Picture) -> list[Crop]:
    """Return overlapping squares of half the longer side that cover the picture."""
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


def _is_near(face: Crop, last_crop: Crop) -> bool:
    """Whether a face lies near ``last_crop`` and has about its size."""
    reach = last_crop.side / 4
    close = abs(face.x - last_crop.x) < reach and abs(face.y - last_crop.y) < reach
    return close and 0.5 < face.side / last_crop.side < 2
