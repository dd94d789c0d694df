"""Carry what was drawn in the 8-bit picture over to the 10-bit picture that is published.

Tracking and drawing see 8 bits of SDR. A result of 10 bits gets the source's own samples; only
where the 8-bit picture was changed, they change by as much.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.colour import LUMA_WEIGHTS, rgb_from_yuv
from heygem_daemon.media.deep_converter import DeepFormat
from heygem_daemon.media.hdr_light import (
    hlg_of_light,
    light_of_compressed_sdr,
    pq_of_light,
)
from heygem_daemon.media.picture import DeepPlane, DeepPlanes, Picture, Plane

Values = NDArray[np.float64]

DEEP_WHITE = 1023
LIMITED_LUMA, LIMITED_CHROMA = 876, 896
"""Code values from black to white, and of the whole range of chroma, in 10 bits of limited range
(Recommendation ITU-R BT.2100, table 9)."""


def carry_change(before: Picture, after: Picture, deep: DeepFormat) -> Picture:
    """Return ``after`` with 10-bit planes: those of ``before``, changed where the two differ.

    ``before`` has 10-bit planes. Outside the box around all changes every sample keeps its value.
    """
    box = _changed_box(before, after)
    planes = before.deep
    if box is None or planes is None:
        return replace(after, deep=planes)
    change = _hdr_change if deep.hdr is not None else _sdr_change
    luma, *chroma = change(before, after, box, deep)
    rows, columns = box
    step = deep.chroma_rows
    half = slice(rows.start // step, -(-rows.stop // step)), _half(columns)
    return replace(
        after,
        deep=DeepPlanes(
            _added(planes.y, box, luma),
            _added(planes.u, half, chroma[0]),
            _added(planes.v, half, chroma[1]),
        ),
    )


def _changed_box(before: Picture, after: Picture) -> tuple[slice, slice] | None:
    """Return rows and columns of luma around all that differs, with even edges; None: nothing."""
    rows = np.zeros(before.height, bool)
    columns = np.zeros(before.width, bool)
    for old, new, step in (
        (before.y, after.y, 1),
        (before.u, after.u, 2),
        (before.v, after.v, 2),
    ):
        differs = old != new if old is not new else np.zeros((1, 1), bool)
        if differs.any():
            rows |= np.repeat(differs.any(axis=1), step)[: len(rows)]
            columns |= np.repeat(differs.any(axis=0), step)[: len(columns)]
    if not rows.any() or not columns.any():
        return None
    return _even_span(rows), _even_span(columns)


def _even_span(flags: NDArray[np.bool_]) -> slice:
    first, last = np.flatnonzero(flags)[[0, -1]].tolist()
    return slice(first // 2 * 2, min(len(flags), last // 2 * 2 + 2))


def _half(span: slice) -> slice:
    return slice(span.start // 2, -(-span.stop // 2))


def _added(plane: DeepPlane, window: tuple[slice, slice], change: Values) -> DeepPlane:
    changed = plane.copy()
    changed[window] = np.clip(np.rint(changed[window] + change), 0, DEEP_WHITE)
    return changed


def _sdr_change(
    before: Picture, after: Picture, box: tuple[slice, slice], deep: DeepFormat
) -> list[Values]:
    """Return the change of each plane in 10-bit code values: that of 8 bits, times the ratio."""
    full_8, full_10 = before.colour.full_range, deep.colour.full_range
    spans = [
        ((255 if full_8 else 219), (DEEP_WHITE if full_10 else LIMITED_LUMA)),
        *[((255 if full_8 else 224), (DEEP_WHITE if full_10 else LIMITED_CHROMA))] * 2,
    ]
    half = _half(box[0]), _half(box[1])
    windows = box, half, half
    pairs: list[tuple[Plane, Plane]] = [
        (before.y, after.y),
        (before.u, after.u),
        (before.v, after.v),
    ]
    changes = [
        (new[window].astype(np.float64) - old[window]) * (ten / eight)
        for (old, new), window, (eight, ten) in zip(pairs, windows, spans, strict=True)
    ]
    if deep.chroma_rows == 1:
        height = box[0].stop - box[0].start
        changes[1:] = [np.repeat(change, 2, axis=0)[:height] for change in changes[1:]]
    return changes


def _hdr_change(
    before: Picture, after: Picture, box: tuple[slice, slice], deep: DeepFormat
) -> list[Values]:
    """Return the change of each plane in 10-bit code values: the difference of the HDR signals
    that the two SDR pictures stand for."""
    change = _hdr_yuv(after, box, deep) - _hdr_yuv(before, box, deep)
    step = deep.chroma_rows
    return [change[..., 0], *(_averaged(change[..., plane], step) for plane in (1, 2))]


def _hdr_yuv(picture: Picture, box: tuple[slice, slice], deep: DeepFormat) -> Values:
    """Return Y'CbCr (h, w, 3) of HDR, in 10-bit code values without their offsets."""
    assert deep.hdr is not None
    rows, columns = box
    half = _half(rows), _half(columns)
    size = rows.stop - rows.start, columns.stop - columns.start
    chroma = [
        np.repeat(np.repeat(plane[half], 2, axis=0), 2, axis=1)[: size[0], : size[1]]
        for plane in (picture.u, picture.v)
    ]
    matrix, offset = rgb_from_yuv(picture.colour)
    yuv = np.stack([picture.y[box], *chroma], axis=-1) - offset.astype(np.float64)
    light = light_of_compressed_sdr(np.clip(yuv @ matrix.T / 255, 0, 1), deep.hdr.peak)
    signal = (pq_of_light if deep.hdr.transfer == "pq" else hlg_of_light)(light)
    kr, kb = LUMA_WEIGHTS.get(deep.colour.matrix, LUMA_WEIGHTS[9])
    luma = signal @ np.array([kr, 1 - kr - kb, kb])
    blue = (signal[..., 2] - luma) / (2 * (1 - kb))
    red = (signal[..., 0] - luma) / (2 * (1 - kr))
    full = deep.colour.full_range
    spans = np.array([DEEP_WHITE] * 3 if full else [LIMITED_LUMA, LIMITED_CHROMA, LIMITED_CHROMA])
    values: Values = np.stack([luma, blue, red], axis=-1) * spans
    return values


def _averaged(plane: Values, rows: int) -> Values:
    """Return the mean of each two columns and ``rows`` rows; an odd edge is repeated."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % rows), (0, width % 2)), mode="edge")
    parts = padded.reshape(padded.shape[0] // rows, rows, padded.shape[1] // 2, 2)
    means: Values = parts.mean(axis=(1, 3))
    return means
