"""The layouts of the generators in checkpoints of the Wav2Lip family. Data only.

Sources: the 96-pixel generator is that of K. R. Prajwal et al., "A Lip Sync Expert Is All You
Need for Speech to Lip Generation In the Wild" (2020), with the code published as Rudrabha/Wav2Lip;
the 288-pixel one is the variant of primepake/wav2lip_288x288 with PReLU; the 256-pixel one, which
weighs its picture features by spatial attention, is what lipku/LiveTalking runs.
"""

from dataclasses import dataclass

Stride = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """A convolution with batch norm and activation."""

    channels: int
    """Channels of its output."""
    kernel: int = 3
    """Edge of the square kernel."""
    stride: Stride = 1
    padding: int = 1
    residual: bool = False
    """Whether the input is added before the activation."""
    is_transposed: bool = False
    output_padding: int = 0
    """Of a transposed convolution only."""


Stage = tuple[LayerSpec, ...]


@dataclass(frozen=True, slots=True)
class GeneratorLayout:
    """The layers of one generator."""

    name: str
    size: int
    """Edge of its pictures, pixels."""
    face: tuple[Stage, ...]
    """The stages of the picture's encoder."""
    audio: Stage
    """The sound's encoder."""
    decoder: tuple[Stage, ...]
    """As many stages as ``face``; each output is joined with that of a face stage, the last
    first."""
    learned_slope: bool = False
    """PReLU instead of ReLU."""
    attention: bool = False
    """Whether decoded features are weighted by spatial attention on the picture's features."""
    refine: Stage = ()
    """Layers that the checkpoints hold and the generator never uses."""


def _kept(channels: int, count: int) -> Stage:
    """Return ``count`` residual layers that keep size and channels."""
    return (LayerSpec(channels, residual=True),) * count


def _down(channels: int, count: int, kernel: int = 3) -> Stage:
    """Return layers: half the size, then ``count`` residual layers."""
    return (LayerSpec(channels, kernel, stride=2, padding=kernel // 2), *_kept(channels, count))


def _up(channels: int, count: int, output_padding: int = 1) -> Stage:
    """Return layers: twice the size (minus 1 without ``output_padding``), then ``count``
    residual."""
    first = LayerSpec(channels, stride=2, is_transposed=True, output_padding=output_padding)
    return (first, *_kept(channels, count))


def _point(channels: int) -> LayerSpec:
    return LayerSpec(channels, kernel=1, padding=0)


def _shrink(channels: int, points: int = 1) -> Stage:
    """Return layers: a convolution without padding (two pixels less), then ``points`` 1x1 ones."""
    return (LayerSpec(channels, padding=0), *(_point(channels),) * points)


def _grow(channels: int) -> Stage:
    """Return layers: the reverse of ``_shrink``, two pixels more."""
    return (LayerSpec(channels, padding=0, is_transposed=True), *_kept(channels, 1))


_AUDIO: Stage = (
    *(LayerSpec(32), *_kept(32, 2)),
    *(LayerSpec(64, stride=(3, 1)), *_kept(64, 2)),
    *(LayerSpec(128, stride=3), *_kept(128, 2)),
    *(LayerSpec(256, stride=(3, 2)), *_kept(256, 1)),
    *_shrink(512),
)

WAV2LIP_96 = GeneratorLayout(
    name="wav2lip-96",
    size=96,
    face=(
        (LayerSpec(16, 7, padding=3),),
        _down(32, 2),
        _down(64, 3),
        _down(128, 2),
        _down(256, 2),
        _down(512, 1),
        _shrink(512),
    ),
    audio=_AUDIO,
    decoder=(
        (_point(512),),
        _grow(512),
        _up(512, 2),
        _up(384, 2),
        _up(256, 2),
        _up(128, 2),
        _up(64, 2),
    ),
)

WAV2LIP_288 = GeneratorLayout(
    name="wav2lip-288",
    size=288,
    face=(
        (LayerSpec(16, 7, padding=3),),
        _down(32, 1, kernel=5),
        _down(32, 2),
        _down(64, 3),
        _down(128, 2),
        _down(256, 2),
        _down(512, 1),
        _shrink(512),
        _shrink(512),
    ),
    audio=_AUDIO,
    decoder=(
        (_point(512),),
        _grow(512),
        _up(512, 2, output_padding=0),
        _up(512, 2, output_padding=0),
        _up(384, 2),
        _up(256, 2),
        _up(128, 2),
        _up(64, 2),
        _up(64, 2),
    ),
    learned_slope=True,
)

WAV2LIP_256 = GeneratorLayout(
    name="wav2lip-256",
    size=256,
    face=(
        (LayerSpec(16, 7, padding=3), *_kept(16, 3)),
        *(_down(channels, 3) for channels in (32, 64, 128, 256, 512, 1024)),
        _shrink(1024, points=2),
    ),
    audio=(
        *(LayerSpec(32), *_kept(32, 2)),
        *(LayerSpec(64, stride=(3, 1)), *_kept(64, 2)),
        *(LayerSpec(128, stride=3), *_kept(128, 2)),
        *(LayerSpec(256, stride=(3, 2)), *_kept(256, 2)),
        *(LayerSpec(512), *_kept(512, 2)),
        *_shrink(1024),
    ),
    decoder=(
        (_point(1024),),
        _grow(1024),
        *(_up(channels, 2) for channels in (1024, 768, 512, 256, 128, 64)),
    ),
    attention=True,
    refine=(_point(1024), _point(1024)),
)

LAYOUTS = (WAV2LIP_96, WAV2LIP_256, WAV2LIP_288)
