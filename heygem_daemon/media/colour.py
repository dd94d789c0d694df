"""Convert between Y'CbCr and R'G'B' code values, as the colour tags of a picture say."""

from dataclasses import replace

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from heygem_daemon.media.picture import ColourTags

Matrix = NDArray[np.float32]
Offset = NDArray[np.float32]

UNSPECIFIED = 2
RGB, BT709, FCC, BT470BG, SMPTE170M, SMPTE240M = 0, 1, 4, 5, 6, 7
BT2020_NCL, BT2020_CL = 9, 10

LUMA_WEIGHTS: dict[int, tuple[float, float]] = {
    BT709: (0.2126, 0.0722),
    FCC: (0.30, 0.11),
    BT470BG: (0.299, 0.114),
    SMPTE170M: (0.299, 0.114),
    SMPTE240M: (0.212, 0.087),
    BT2020_NCL: (0.2627, 0.0593),
    BT2020_CL: (0.2627, 0.0593),
}
"""Kr and Kb of each matrix coefficient code point (ISO/IEC 23091-2, table 4)."""

SD_LINES = 576
"""Untagged pictures with more lines count as BT.709, others as BT.601, as in players."""


def is_rgb(frame: VideoFrame) -> bool:
    """Whether the frame is RGB or has a palette, and so has no Y'CbCr matrix yet."""
    return bool(frame.format.is_rgb) or frame.format.name == "pal8"


def resolved_tags(tags: ColourTags, height: int) -> ColourTags:
    """Return ``tags`` with an unknown matrix replaced by the one that players assume.

    ``height`` is that of the picture in pixels. Primaries and transfer stay as they are.
    """
    if tags.matrix in LUMA_WEIGHTS:
        return tags
    return replace(tags, matrix=BT709 if height > SD_LINES else SMPTE170M)


def rgb_from_yuv(tags: ColourTags, height: int = 0) -> tuple[Matrix, Offset]:
    """Return ``(matrix, offset)``, float32 (3, 3) and (3,): ``rgb = matrix @ (yuv - offset)``.

    Both sides are code values 0-255; the result is not clipped. ``height`` matters only for tags
    that are not resolved (see ``resolved_tags``); those of a Picture are. Formulas: ISO/IEC
    23091-2, equations for MatrixCoefficients.
    """
    kr, kb = LUMA_WEIGHTS[resolved_tags(tags, height).matrix]
    kg = 1 - kr - kb
    luma, chroma = (1.0, 1.0) if tags.full_range else (255 / 219, 255 / 224)
    red, blue = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    matrix = np.array(
        [
            [luma, 0, red],
            [luma, -blue * kb / kg, -red * kr / kg],
            [luma, blue, 0],
        ],
        dtype=np.float32,
    )
    offset = np.array([0 if tags.full_range else 16, 128, 128], dtype=np.float32)
    return matrix, offset


def yuv_from_rgb(tags: ColourTags, height: int = 0) -> tuple[Matrix, Offset]:
    """Return the inverse ``(matrix, offset)``: ``yuv = matrix @ rgb + offset``, values 0-255."""
    matrix, offset = rgb_from_yuv(tags, height)
    return np.linalg.inv(matrix.astype(np.float64)).astype(np.float32), offset
