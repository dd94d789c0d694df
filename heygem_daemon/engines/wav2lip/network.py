"""The generator of the Wav2Lip family: a face with its lower half hidden, and sound, to a mouth.

It is built from a ``GeneratorLayout``; the names of its weights are those of the published
checkpoints. Of a generated face only the part below the nose is used, so the decoder computes no
rows above it that the needed rows do not depend on (``stage_rows_needed``).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import torch
from torch import Tensor, nn

from heygem_daemon.engines.wav2lip.layout import GeneratorLayout, LayerSpec, Stage

MEL_BANDS, MEL_STEPS = 80, 16
"""Bands and frames of the mel window of one picture."""
PICTURE_CHANNELS = 6
"""BGR of the picture with its lower half black, and BGR of the whole picture."""
OUTPUT = LayerSpec(32)
"""The 3x3 convolution after the last decoder stage; the last convolution is 1x1."""


class ConvBlock(nn.Module):
    """Convolution and batch norm, the input added if residual, then activation."""

    def __init__(self, in_channels: int, layer: LayerSpec, learned_slope: bool) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            _convolution(in_channels, layer), nn.BatchNorm2d(layer.channels)
        )
        self.act: nn.Module = nn.PReLU() if learned_slope else nn.ReLU(inplace=True)
        self.residual = layer.residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_block(x)
        if self.residual:
            y = y.add_(x) if not torch.is_grad_enabled() else y + x
        activated: Tensor = self.act(y)
        return activated


class SpatialAttention(nn.Module):
    """A weight for every pixel, from mean and maximum over the channels in a 7x7 neighbourhood."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, 1, h, w), 0-1."""
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        weight: Tensor = self.conv1(both).sigmoid()
        return weight


class SkipAttention(nn.Module):
    """Strengthens features where spatial attention on the picture's features is high."""

    def __init__(self) -> None:
        super().__init__()
        self.sa = SpatialAttention()

    def forward(self, skip: Tensor, features: Tensor, rows: int, axis: int) -> Tensor:
        """``skip``: the picture's features, all rows. ``features``: the decoder's lowest ``rows``,
        or a single row that stands for all."""
        strengthened: Tensor = features * lowest_rows(self.sa(skip), rows, axis) + features
        return strengthened


class Generator(nn.Module):
    """A generator of one layout, with random weights until those of a checkpoint are loaded."""

    rows_axis = 2
    """The axis of a picture's rows in the tensors between layers, (B, C, h, w)."""

    def __init__(self, layout: GeneratorLayout) -> None:
        super().__init__()
        self.layout = layout
        self.size = layout.size
        slope = layout.learned_slope
        self.face_encoder_blocks = nn.ModuleList(
            _sequence(before, stage, slope)
            for before, stage in zip(_inputs(layout.face), layout.face, strict=False)
        )
        self.audio_encoder = _sequence(1, layout.audio, slope)
        if layout.refine:
            self.audio_refine = _sequence(layout.audio[-1].channels, layout.refine, slope)
        self.sam = SkipAttention() if layout.attention else None
        *inputs, last = _decoder_channels(layout)
        self.face_decoder_blocks = nn.ModuleList(
            _sequence(before, stage, slope)
            for before, stage in zip(inputs, layout.decoder, strict=True)
        )
        self.output_block = nn.Sequential(
            ConvBlock(last, OUTPUT, slope), nn.Conv2d(32, 3, 1), nn.Sigmoid()
        )

    def forward(self, mel: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        """Draw the lowest ``rows`` of the pictures; None: all.

        ``mel`` (B, 1, 80, 16), -4 … 4, and ``pictures`` (B, 6, size, size), BGR 0-1 →
        (B, 3, rows, size), BGR 0-1."""
        rows, axis = self.size if rows is None else rows, self.rows_axis
        skips = []
        x = pictures
        for block in self.face_encoder_blocks:
            x = block(x)
            skips.append(x)
        y: Tensor = self.audio_encoder(mel)
        for block, kept in zip(
            self.face_decoder_blocks, stage_rows_needed(self.layout, rows), strict=True
        ):
            y = lowest_rows(block(y), kept, axis)
            skip = skips.pop()
            if self.sam is not None:
                y = self.sam(skip, y, kept, axis)
            y = torch.cat([y, lowest_rows(skip, kept, axis)], dim=1)
        drawn: Tensor = self.output_block(y)
        return lowest_rows(drawn, rows, axis)


def lowest_rows(planes: Tensor, rows: int, axis: int = 2) -> Tensor:
    """Return a view of the lowest ``rows`` of (B, C, h, w), all where there are fewer.

    ``axis``: the axis of rows."""
    kept = min(rows, planes.shape[axis])
    return planes.narrow(axis, planes.shape[axis] - kept, kept)


def _convolution(before: int, layer: LayerSpec) -> nn.Module:
    if layer.is_transposed:
        return nn.ConvTranspose2d(
            before, layer.channels, layer.kernel, layer.stride, layer.padding, layer.output_padding
        )
    return nn.Conv2d(before, layer.channels, layer.kernel, layer.stride, layer.padding)


def _sequence(before: int, stage: Stage, learned_slope: bool) -> nn.Sequential:
    channels = [before, *(layer.channels for layer in stage)]
    return nn.Sequential(
        *(
            ConvBlock(before, layer, learned_slope)
            for before, layer in zip(channels, stage, strict=False)
        )
    )


def _inputs(stages: Iterable[Stage]) -> Iterator[int]:
    """Yield the input channels of each stage of the picture's encoder."""
    yield PICTURE_CHANNELS
    for stage in stages:
        yield stage[-1].channels


def _decoder_channels(layout: GeneratorLayout) -> Iterator[int]:
    """Yield the input channels of each decoder stage (those of the stage before, joined with the
    picture's features of the same size), and at the end of the output block."""
    yield layout.audio[-1].channels
    for stage, skip in zip(layout.decoder, reversed(layout.face), strict=True):
        yield stage[-1].channels + skip[-1].channels


@lru_cache(maxsize=64)
def stage_rows_needed(layout: GeneratorLayout, drawn: int) -> tuple[int, ...]:
    """Return for each decoder stage how many of the lowest rows of its output are needed to draw
    the lowest ``drawn`` rows of the picture exactly as in a whole one."""
    heights = stage_heights(layout)
    needed = _layer_input_rows(drawn, heights[-1], OUTPUT)
    kept = [needed]
    for stage, height in zip(reversed(layout.decoder[1:]), reversed(heights[:-1]), strict=True):
        needed = _stage_input_rows(needed, height, stage)
        kept.append(needed)
    return tuple(reversed(kept))


def stage_heights(layout: GeneratorLayout) -> list[int]:
    """Return the rows of each decoder stage's output: those of the picture's features that it is
    joined with."""
    heights = [layout.size]
    for stage in layout.face:
        heights.append(_heights(heights[-1], stage)[-1])
    return heights[:0:-1]


def _stage_input_rows(needed: int, height: int, stage: Stage) -> int:
    """Return how many of the lowest of a stage's ``height`` input rows its ``needed`` lowest
    output rows depend on."""
    before = _heights(height, stage)[:-1]
    for layer, rows in zip(reversed(stage), reversed(before), strict=True):
        needed = _layer_input_rows(needed, rows, layer)
    return needed


def _heights(height: int, stage: Stage) -> list[int]:
    """Return the rows before, between and after the layers of a stage."""
    heights = [height]
    for layer in stage:
        heights.append(_rows_after(heights[-1], layer))
    return heights


def _rows_after(rows: int, layer: LayerSpec) -> int:
    if layer.is_transposed:
        return _stride(layer) * (rows - 1) + layer.kernel - 2 * layer.padding + layer.output_padding
    return (rows + 2 * layer.padding - layer.kernel) // _stride(layer) + 1


def _layer_input_rows(needed: int, rows: int, layer: LayerSpec) -> int:
    """The same for one layer, whose input has ``rows`` rows.

    Above the rows that are kept the layer reads zeros, so its first output rows are wrong. They
    must lie above the needed ones.
    """
    first, stride = _rows_after(rows, layer) - needed, _stride(layer)
    if layer.is_transposed:
        first = (first + stride - layer.kernel + layer.padding) // stride
    else:
        first = stride * first - layer.padding
    return rows - max(0, first)


def _stride(layer: LayerSpec) -> int:
    return layer.stride if isinstance(layer.stride, int) else layer.stride[0]
