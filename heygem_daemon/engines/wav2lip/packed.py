"""A generator's layers as oneDNN runs them best on an x86 processor.

The weights are laid out beforehand as its kernels read them, where torch would do it at every
call, and a residual layer's input is added while the result is still in the processor's registers.
Pictures go through it lying on their side: of their rows only the lowest are drawn, but all of
their columns, and what is always there in full the largest layers compute by fours (``winograd``).
"""

import copy

import torch
from torch import Tensor, nn

from heygem_daemon.engines.wav2lip.network import (
    MEL_BANDS,
    MEL_STEPS,
    PICTURE_CHANNELS,
    ConvBlock,
    Generator,
)
from heygem_daemon.engines.wav2lip.winograd import WinogradBlock, is_winograd_faster

Shape = tuple[int, int, int]

AUDIO_PREFIX = "audio_"
"""How the names of weights begin that look at sound."""

onednn = torch.ops.mkldnn
"""The operators that torch's own compiler builds on."""


def can_pack(precision: torch.dtype, device: torch.device) -> bool:
    """Whether ``packed`` layers can compute with that type of numbers there."""
    x86 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    if device.type != "cpu" or not x86 or not torch._C._has_mkldnn:
        return False
    if precision == torch.bfloat16:
        return bool(onednn._is_mkldnn_bf16_supported())
    return precision == torch.float32


def pack_generator(generator: Generator, precision: torch.dtype, batch: int) -> Generator:
    """A copy of ``generator``, whose batch norms are folded, laid out for ``batch`` pictures.

    It draws other numbers of pictures too, more slowly. It cannot be copied, saved or moved.
    """
    with torch.device("meta"):
        laid_out = TransposedGenerator(generator.layout).eval()
    lying = transpose_kernels(generator)
    shapes = input_shapes(laid_out)
    for name, shape in shapes.items():
        block = lying.get_submodule(name)
        assert isinstance(block, ConvBlock)
        laid_out.set_submodule(name, _packed_block(block, precision, (batch, *shape)))
    rest = {
        name: weight.to(precision)
        for name, weight in lying.state_dict().items()
        if not name.startswith(tuple(shapes))
    }
    laid_out.load_state_dict(rest, strict=False, assign=True)
    *before, last, squashed = laid_out.output_block
    laid_out.output_block = nn.Sequential(*before, Float32Layer(last.float()), squashed)
    return laid_out.requires_grad_(False)


class TransposedGenerator(Generator):
    """A generator that draws pictures as any other does, and turns them over before and after."""

    rows_axis = 3

    def forward(self, mel: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        lying = pictures.mT.contiguous(memory_format=torch.channels_last)
        return super().forward(mel, lying, rows).mT


class Float32Layer(nn.Module):
    """A layer that computes in float32 from whatever it is given: the last one, whose results would
    be rounded to steps of half a code value."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        widened: Tensor = self.layer(x.float())
        return widened


def transpose_kernels(generator: Generator) -> Generator:
    """A copy of ``generator`` for ``Sideways``: what looks at pictures has its kernels turned over.
    Their strides and padding are the same both ways."""
    lying = copy.deepcopy(generator)
    for name, weight in lying.named_parameters():
        if weight.ndim == 4 and not name.startswith(AUDIO_PREFIX):
            weight.data = weight.data.mT.contiguous()
    return lying


def _packed_block(block: ConvBlock, precision: torch.dtype, shape: tuple[int, ...]) -> nn.Module:
    if is_winograd_faster(block, precision, shape):
        return WinogradBlock(block, _in_place(block.act), precision, shape)
    return PackedBlock(block, precision, shape)


def input_shapes(generator: Generator) -> dict[str, Shape]:
    """Channels, height and width of what goes into each block that is used, by its name.
    ``generator``: one on the device 'meta', which computes shapes only."""
    shapes: dict[str, Shape] = {}

    def note(name: str, given: Tensor) -> None:
        _, channels, height, width = given.shape
        shapes[name] = channels, height, width

    notes = [
        block.register_forward_pre_hook(lambda _, given, name=name: note(name, *given))
        for name, block in generator.named_modules()
        if isinstance(block, ConvBlock)
    ]
    with torch.device("meta"), torch.no_grad():
        mel = torch.empty(1, 1, MEL_BANDS, MEL_STEPS)
        generator(mel, torch.empty(1, PICTURE_CHANNELS, generator.size, generator.size))
    for each in notes:
        each.remove()
    return shapes


class PackedBlock(nn.Module):
    """A ``Block`` whose batch norm is folded. ``shape``: (B, C, h, w) of its usual input.

    The activation is not left to oneDNN: its ReLU makes 0 of what is no number, and hides it.
    """

    def __init__(self, block: ConvBlock, precision: torch.dtype, shape: tuple[int, ...]) -> None:
        super().__init__()
        (convolution,) = block.conv_block
        assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
        assert convolution.bias is not None
        self.act = _in_place(block.act)
        self._residual = block.residual
        how = [convolution.padding, convolution.stride, convolution.dilation]
        lay_out, self._run = onednn._reorder_convolution_weight, onednn._convolution_pointwise
        if isinstance(convolution, nn.ConvTranspose2d):
            how.insert(1, convolution.output_padding)
            lay_out = onednn._reorder_convolution_transpose_weight
            self._run = onednn._convolution_transpose_pointwise
        self._how = (*map(list, how), convolution.groups)
        self._weight = lay_out(convolution.weight.to(precision), *self._how, list(shape))
        self._bias = convolution.bias.to(precision)

    def forward(self, x: Tensor) -> Tensor:
        given = x, self._weight, self._bias, *self._how
        if self._residual:
            y = self._run.binary(x, *given, "add", 1.0, None, [], "")
        else:
            y = self._run(*given, "none", [], "")
        activated: Tensor = self.act(y)
        return activated


def _in_place(activation: nn.Module) -> nn.Module:
    """The same without memory of its own: large pictures drop out of the processor's cache."""
    if isinstance(activation, nn.PReLU):
        return nn.LeakyReLU(float(activation.weight), inplace=True)
    return nn.ReLU(inplace=True)
