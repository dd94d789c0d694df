"""MediaPipe's BlazeFace detector, full range, as torch modules.

A feature pyramid over a 192x192 picture: five stages of depthwise-separable bottlenecks down,
three lateral joins up to a 48x48 map, and one box with six key points per cell of that map.
Architecture and weights: MediaPipe, Apache-2.0 (``training/convert/mediapipe_face.py``).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from heygem_daemon.face.networks.mesh_layers import Pointwise

INPUT_SIDE = 192
"""Width and height of the detector's input in pixels."""
CELLS = 48
"""Width and height of the map of anchors: one anchor per cell, at its centre."""

SCORE_FLOOR = 0.6
"""Boxes below this probability are dropped (MediaPipe's own value for this model)."""
OVERLAP = 0.3
"""Boxes with a higher intersection over union are one face."""
_LOGIT_LIMIT = 100.0
"""Logits are clipped to this before the sigmoid, as MediaPipe does."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face in the unit square of the detector's input."""

    box: NDArray[np.float32]
    """(4,) left, top, right, bottom, 0-1."""
    points: NDArray[np.float32]
    """(6, 2) right eye, left eye (of the person), nose tip, mouth, right ear, left ear."""
    score: float
    """Probability, 0-1."""


def _depthwise(channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels)


class Bottleneck(nn.Module):
    """A separable convolution down to ``narrow`` channels and another one up to ``wide``."""

    def __init__(self, in_channels: int, narrow: int, wide: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _depthwise(in_channels, stride),
            Pointwise(in_channels, narrow),
            nn.ReLU(inplace=True),
            _depthwise(narrow),
            Pointwise(narrow, wide),
        )
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return F.relu(x + y if self.residual else y)


def _stage(in_channels: int, narrow: int, wide: int, blocks: int = 2) -> nn.Sequential:
    return nn.Sequential(
        Bottleneck(in_channels, narrow, wide, stride=2),
        *(Bottleneck(wide, narrow, wide) for _ in range(blocks)),
    )


def _lateral(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(Pointwise(in_channels, out_channels), nn.ReLU(inplace=True))


class CellHead(nn.Module):
    """Turns features (B, 48, 48, 48) into ``values`` numbers per cell (B, 48 * 48, values).

    As in training, it halves the map and then unfolds channels into cells, in TensorFlow's order:
    the channels of the upper left cell first.
    """

    def __init__(self, values: int) -> None:
        super().__init__()
        self.pointwise = Pointwise(48, 4 * values)
        self.depthwise = _depthwise(4 * values, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.depthwise(self.pointwise(x))
        batch, channels, height, width = y.shape
        cells = y.reshape(batch, 2, 2, channels // 4, height, width)
        return cells.permute(0, 4, 1, 5, 2, 3).reshape(batch, -1, channels // 4)


class FaceDetector(nn.Module):
    """From a picture to one box with key points, and a logit, per anchor."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.stage96 = nn.Sequential(Bottleneck(32, 8, 32), Bottleneck(32, 8, 32))
        self.stage48 = _stage(32, 16, 64)
        self.lateral48 = _lateral(64, 48)
        self.stage24 = _stage(64, 32, 128)
        self.lateral24 = _lateral(128, 64)
        self.stage12 = _stage(128, 48, 192)
        self.lateral12 = _lateral(192, 96)
        self.stage6 = _stage(192, 96, 384, blocks=3)
        self.lateral6 = _lateral(384, 96)
        self.up12 = nn.Sequential(Bottleneck(96, 48, 96), Bottleneck(96, 48, 96), _lateral(96, 64))
        self.up24 = nn.Sequential(Bottleneck(64, 32, 64), Bottleneck(64, 32, 64), _lateral(64, 48))
        self.up48 = Bottleneck(48, 24, 48)
        self.scores = CellHead(1)
        self.boxes = CellHead(16)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes and logits for RGB pictures, float32 (B, 3, 192, 192), -1 … 1.

        Boxes (B, 2304, 16), in input pixels relative to the anchor: centre x and y, width, height,
        six points x and y. Logits (B, 2304).
        """
        at48 = self.stage48(self.stage96(F.relu(self.stem(pictures))))
        at24 = self.stage24(at48)
        at12 = self.stage12(at24)
        at6 = self.lateral6(self.stage6(at12))
        top = self.up12(self.lateral12(at12) + _double(at6))
        top = self.up24(self.lateral24(at24) + _double(top))
        top = self.up48(self.lateral48(at48) + _double(top))
        return self.boxes(top), self.scores(top)[..., 0]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def decode_detections(boxes: Tensor, logits: Tensor) -> list[Detection]:
    """Return the detections of one picture, best first, from boxes (2304, 16), logits (2304,)."""
    scores = torch.sigmoid(logits.clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT))
    kept = torch.nonzero(scores >= SCORE_FLOOR)[:, 0]
    raw = boxes[kept].double().cpu().numpy() / INPUT_SIDE
    index = kept.cpu().numpy()
    anchors = np.stack([index % CELLS, index // CELLS], axis=1) / CELLS + 0.5 / CELLS
    centre, half = raw[:, :2] + anchors, raw[:, 2:4] / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    points = raw[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
    return merge_overlapping(corners, points, scores[kept].double().cpu().numpy())


def merge_overlapping(
    corners: NDArray[np.float64], points: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[Detection]:
    """Blend overlapping boxes, weighted by score (BlazeFace, arXiv:1907.05047, section 3.3).

    ``corners`` (N, 4), ``points`` (N, 6, 2), ``scores`` (N,); a result has the best score of
    the boxes blended into it.
    """
    remaining = np.argsort(-scores, kind="stable")
    found = []
    while remaining.size:
        same = _overlaps(corners[remaining[0]], corners[remaining]) > OVERLAP
        same[0] = True
        group = remaining[same]
        box = np.average(corners[group], axis=0, weights=scores[group])
        marks = np.average(points[group], axis=0, weights=scores[group])
        found.append(
            Detection(box.astype(np.float32), marks.astype(np.float32), float(scores[remaining[0]]))
        )
        remaining = remaining[~same]
    return found


def _overlaps(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of one box (4,) with others (N, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    intersection = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    union: NDArray[np.float64] = np.maximum(areas - intersection, 1e-12)
    return np.asarray(intersection / union)
