"""How much of each decoder stage the lowest rows of a picture depend on.

Of a generated face only what lies below the nose is laid in. Rows above it need not be computed,
but for those that the convolutions of the rows below reach up to.

The generator of the Wav2Lip family: a face with its mouth hidden, and sound, to a mouth.

Built from a ``Layout``; the names of its weights are those of the published checkpoints.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import torch
from torch import Tensor, nn

from heygem_daemon.engines.wav2lip.layout import GeneratorLayout, LayerSpec, Stage

OUTPUT = LayerSpec(32)
"""The 3x3 convolution after the last stage; the one after that looks at single pixels."""


@lru_cache(maxsize=64)
def stage_rows_needed(layout: GeneratorLayout, drawn: int) -> tuple[int, ...]:
    """For each decoder stage: of its output, how many of the lowest rows what follows it needs to
    draw the lowest ``drawn`` rows of the picture exactly as they are in a whole one."""
    heights = stage_heights(layout)
    needed = _layer_input_rows(drawn, heights[-1], OUTPUT)
    kept = [needed]
    for stage, height in zip(reversed(layout.decoder[1:]), reversed(heights[:-1]), strict=True):
        needed = _through(needed, height, stage)
        kept.append(needed)
    return tuple(reversed(kept))


def stage_heights(layout: GeneratorLayout) -> list[int]:
    """Rows of each decoder stage's output: those of the picture's features that it meets."""
    heights = [layout.size]
    for stage in layout.face:
        heights.append(_heights(heights[-1], stage)[-1])
    return heights[:0:-1]


def _through(needed: int, height: int, stage: Stage) -> int:
    """Rows of a stage's input, ``height`` in all, on which its ``needed`` lowest depend."""
    before = _heights(height, stage)[:-1]
    for layer, rows in zip(reversed(stage), reversed(before), strict=True):
        needed = _layer_input_rows(needed, rows, layer)
    return needed


def _heights(height: int, stage: Stage) -> list[int]:
    """Rows before, between and after the layers of a stage."""
    heights = [height]
    for layer in stage:
        heights.append(_after(heights[-1], layer))
    return heights


def _after(rows: int, layer: LayerSpec) -> int:
    if layer.is_transposed:
        return _stride(layer) * (rows - 1) + layer.kernel - 2 * layer.padding + layer.output_padding
    return (rows + 2 * layer.padding - layer.kernel) // _stride(layer) + 1


def _layer_input_rows(needed: int, rows: int, layer: LayerSpec) -> int:
    """The same of one layer, whose input has ``rows``.

    Where the input is cut off the layer sees zeros instead, so that its first rows are wrong: they
    must lie above the needed ones.
    """
    first, stride = _after(rows, layer) - needed, _stride(layer)
    if layer.is_transposed:
        first = (first + stride - layer.kernel + layer.padding) // stride
    else:
        first = stride * first - layer.padding
    return rows - max(0, first)


def _stride(layer: LayerSpec) -> int:
    return layer.stride if isinstance(layer.stride, int) else layer.stride[0]


MEL_BANDS, MEL_STEPS = 80, 16
"""Bands and frames of the mel window that goes with one picture."""
PICTURE_CHANNELS = 6
"""The picture with its lower half black, and the whole picture."""


class ConvBlock(nn.Module):
    """Convolution and batch norm, the input added if residual, then the activation."""

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
    """A weight for every pixel, from the mean and the maximum over the channels around it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, 1, h, w), 0-1."""
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        weight: Tensor = self.conv1(both).sigmoid()
        return weight


class SkipAttention(nn.Module):
    """Features strengthened where the picture's features draw attention."""

    def __init__(self) -> None:
        super().__init__()
        self.sa = SpatialAttention()

    def forward(self, seen: Tensor, features: Tensor, rows: int, axis: int) -> Tensor:
        """``features`` hold the lowest ``rows``, or one row for all of them."""
        strengthened: Tensor = features * lowest_rows(self.sa(seen), rows, axis) + features
        return strengthened


class Generator(nn.Module):
    """A generator of one layout, with random weights until a checkpoint's are loaded."""

    rows_axis = 2
    """Where rows are in what goes from layer to layer, (B, C, h, w)."""

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
            ConvBlock(last, LayerSpec(32), slope), nn.Conv2d(32, 3, 1), nn.Sigmoid()
        )

    def forward(self, mel: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        """(B, 1, 80, 16) and (B, 6, size, size), 0-1 → (B, 3, rows, size), 0-1: the lowest
        ``rows`` of the pictures, all of them for None."""
        rows, axis = self.size if rows is None else rows, self.rows_axis
        seen = []
        x = pictures
        for block in self.face_encoder_blocks:
            x = block(x)
            seen.append(x)
        y: Tensor = self.audio_encoder(mel)
        for block, kept in zip(
            self.face_decoder_blocks, stage_rows_needed(self.layout, rows), strict=True
        ):
            y = lowest_rows(block(y), kept, axis)
            features = seen.pop()
            if self.sam is not None:
                y = self.sam(features, y, kept, axis)
            y = torch.cat([y, lowest_rows(features, kept, axis)], dim=1)
        drawn: Tensor = self.output_block(y)
        return lowest_rows(drawn, rows, axis)


def lowest_rows(planes: Tensor, rows: int, axis: int = 2) -> Tensor:
    """The lowest ``rows`` of (B, C, h, w), all where there are fewer; a view. ``axis``: where rows
    are."""
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
    """The channels that go into each stage of the picture's encoder."""
    yield PICTURE_CHANNELS
    for stage in stages:
        yield stage[-1].channels


def _decoder_channels(layout: GeneratorLayout) -> Iterator[int]:
    """The channels that go into each stage of the decoder, the last one's and the picture's of
    the same size; and at the end, into what follows the decoder."""
    yield layout.audio[-1].channels
    for stage, seen in zip(layout.decoder, reversed(layout.face), strict=True):
        yield stage[-1].channels + seen[-1].channels
