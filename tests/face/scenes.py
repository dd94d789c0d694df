"""Scenes composed of the repository's pictures: two people, hands, borders."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.picture import Picture

Mask = NDArray[np.float32]
Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]

PORTRAIT_HEAD = (222.0, 130.0, 95.0, 135.0)
"""The astronaut's head: middle x and y, half width and half height."""


def empty(width: int, height: int, like: Picture, luma: int = 120) -> Picture:
    """A grey wall with a little grain."""
    grain = np.random.default_rng(7).integers(-4, 5, (height, width))
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    return Picture(0, (luma + grain).astype(np.uint8), grey, grey.copy(), like.colour)


def pasted(ground: Picture, picture: Picture, left: int, top: int) -> Picture:
    """Return ``ground`` with ``picture`` pasted at even coordinates, cropped at the border."""
    planes = []
    for under, over, scale in (
        (ground.y, picture.y, 1),
        (ground.u, picture.u, 2),
        (ground.v, picture.v, 2),
    ):
        made = under.copy()
        x, y = left // scale, top // scale
        rows = _clipped(y, over.shape[0], made.shape[0])
        columns = _clipped(x, over.shape[1], made.shape[1])
        if rows.start < rows.stop and columns.start < columns.stop:
            made[rows, columns] = over[
                rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
            ]
        planes.append(made)
    return replace(ground, y=planes[0], u=planes[1], v=planes[2])


def cut_out(
    ground: Picture, picture: Picture, oval: tuple[float, float, float, float], x: int, y: int
) -> Picture:
    """Paste the part of ``picture`` inside ``oval`` (middle, half axes), its middle at (x, y)."""
    left, top = 2 * round((x - oval[0]) / 2), 2 * round((y - oval[1]) / 2)
    over = pasted(ground, picture, left, top)
    mask = oval_mask(ground, x, y, oval[2], oval[3])
    return blended(ground, (over.y, over.u, over.v), mask)


def oval_mask(like: Picture, x: float, y: float, half_width: float, half_height: float) -> Mask:
    """1 inside an oval, 0 outside, with a soft edge."""
    rows, columns = np.mgrid[: like.height, : like.width]
    radius = np.hypot((columns - x) / half_width, (rows - y) / half_height)
    mask: Mask = np.clip((1 - radius) * min(half_width, half_height) / 2, 0, 1).astype(np.float32)
    return mask


def blended(ground: Picture, over: Planes, mask: Mask) -> Picture:
    """Mix in ``over`` where ``mask`` is 1."""
    half = mask[::2, ::2]
    planes = [
        (under * (1 - share) + top * share).round().astype(np.uint8)
        for under, top, share in zip(
            (ground.y, ground.u, ground.v), over, (mask, half, half), strict=True
        )
    ]
    return replace(ground, y=planes[0], u=planes[1], v=planes[2])


def with_microphone(picture: Picture, landmarks: NDArray[np.float32], near: float) -> Picture:
    """A dark ball on a stick below the mouth, ``near`` 0-1: 1 in front of the lower lip."""
    eyes, mouth = _measures(landmarks)
    x, y = mouth[0] + 0.1 * eyes, mouth[1] + (0.25 + 1.6 * (1 - near)) * eyes
    mask = oval_mask(picture, x, y, 0.38 * eyes, 0.38 * eyes)
    rows, columns = np.mgrid[: picture.height, : picture.width]
    mask = np.maximum(mask, (np.abs(columns - x) < 0.1 * eyes) & (rows > y))
    grain = np.random.default_rng(3).integers(-8, 9, picture.y.shape)
    grey = np.full_like(picture.u, 128)
    return blended(picture, ((48 + grain).astype(np.uint8), grey, grey), mask)


def with_hand(picture: Picture, landmarks: NDArray[np.float32], near: float) -> Picture:
    """Fingers in the colour of the person's own forehead, from the right, ``near`` 0-1."""
    eyes, mouth = _measures(landmarks)
    x, y = mouth[0] + 2.2 * (1 - near) * eyes, mouth[1] + (0.05 + 0.8 * (1 - near)) * eyes
    mask = oval_mask(picture, x, y, 0.75 * eyes, 0.42 * eyes)
    column, row = (int(value) for value in landmarks[151, :2])
    skin = [
        float(plane[row // s - 1 : row // s + 2, column // s - 1 : column // s + 2].mean())
        for plane, s in ((picture.y, 1), (picture.u, 2), (picture.v, 2))
    ]
    rows = np.arange(picture.height)[:, None]
    fingers = 0.92 * skin[0] + 8 * np.cos((rows - y) / (0.2 * eyes) * 2 * np.pi)
    luma = np.broadcast_to(fingers, picture.y.shape).clip(16, 235).astype(np.uint8)
    tone = [np.full_like(picture.u, round(value)) for value in skin[1:]]
    return blended(picture, (luma, tone[0], tone[1]), mask)


def comes_and_goes(count: int, first: int, last: int, ramp: int = 6) -> list[float]:
    """Return how near a thing is, 0-1, in each of ``count`` pictures: 1 from ``first`` to
    ``last``."""
    frames = np.arange(count)
    away = np.maximum(first - frames, frames - last).clip(0, ramp)
    return [float(share) for share in 1 - away / ramp]


def numbered(pictures: Sequence[Picture]) -> list[Picture]:
    """Return the pictures with consecutive numbers."""
    return [replace(picture, index=number) for number, picture in enumerate(pictures)]


def _clipped(start: int, length: int, limit: int) -> slice:
    first = min(max(0, start), limit)
    return slice(first, max(first, min(limit, start + length)))


def _measures(landmarks: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
    """Distance of the outer eye corners, middle of the mouth."""
    eyes = float(np.hypot(*(landmarks[263, :2] - landmarks[33, :2])))
    return eyes, landmarks[[13, 14], :2].mean(axis=0)


def with_cloth_mask(picture: Picture, landmarks: NDArray[np.float32]) -> Picture:
    """A light blue mask of cloth from the nose to the chin."""
    eyes, mouth = _measures(landmarks)
    mask = oval_mask(picture, float(mouth[0]), float(mouth[1]), 0.85 * eyes, 0.75 * eyes)
    rows = np.arange(picture.height)[:, None]
    folds = 170 + 6 * np.cos((rows - mouth[1]) / (0.25 * eyes) * 2 * np.pi)
    luma = np.broadcast_to(folds, picture.y.shape).astype(np.uint8)
    blue, red = np.full_like(picture.u, 150), np.full_like(picture.v, 112)
    return blended(picture, (luma, blue, red), mask)


def theatre_mask(like: Picture) -> Picture:
    """A white mask with black eyes and a black mouth in front of a dark ground, 480x480."""
    scene = empty(480, 480, like, luma=90)
    grey = np.full_like(scene.u, 128)
    for x, y, half_width, half_height, luma in (
        (240, 240, 115, 155, 228),
        (190, 215, 28, 14, 24),
        (290, 215, 28, 14, 24),
        (240, 270, 12, 30, 208),
        (240, 330, 45, 8, 33),
    ):
        paint = np.full_like(scene.y, luma)
        mask = oval_mask(scene, x, y, half_width, half_height)
        scene = blended(scene, (paint, grey, grey), mask)
    return scene
