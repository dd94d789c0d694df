"""A generator packed for oneDNN, the way that is fastest on an x86 processor.

The weights are reordered once for oneDNN's kernels, which torch does at every call. A residual
layer's input is added while the result is still in the processor's registers. Pictures go through
the network transposed: only their lowest rows are drawn but all of their columns, and the largest
layers compute four lines at once (``winograd``), which needs an axis of full length.
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
"""Prefix of the names of the sound encoder's weights."""

onednn = torch.ops.mkldnn
"""oneDNN's operators, which torch's own compiler uses as well."""


def can_pack(precision: torch.dtype, device: torch.device) -> bool:
    """Whether packed layers can compute with this number type on this device."""
    x86 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    if device.type != "cpu" or not x86 or not torch._C._has_mkldnn:
        return False
    if precision == torch.bfloat16:
        return bool(onednn._is_mkldnn_bf16_supported())
    return precision == torch.float32


def pack_generator(generator: Generator, precision: torch.dtype, batch: int) -> Generator:
    """Return a packed copy of ``generator``, whose batch norms are folded, for ``batch`` pictures.

    It draws other numbers of pictures more slowly. It cannot be copied, saved or moved.
    """
    with torch.device("meta"):
        packed = TransposedGenerator(generator.layout).eval()
    transposed = transpose_kernels(generator)
    shapes = input_shapes(packed)
    for name, shape in shapes.items():
        block = transposed.get_submodule(name)
        assert isinstance(block, ConvBlock)
        packed.set_submodule(name, _packed_block(block, precision, (batch, *shape)))
    rest = {
        name: weight.to(precision)
        for name, weight in transposed.state_dict().items()
        if not name.startswith(tuple(shapes))
    }
    packed.load_state_dict(rest, strict=False, assign=True)
    *before, last, sigmoid = packed.output_block
    packed.output_block = nn.Sequential(*before, Float32Layer(last.float()), sigmoid)
    return packed.requires_grad_(False)


class TransposedGenerator(Generator):
    """A generator that transposes its pictures before and after, and otherwise works as any
    other."""

    rows_axis = 3

    def forward(self, mel: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        transposed = pictures.mT.contiguous(memory_format=torch.channels_last)
        return super().forward(mel, transposed, rows).mT


class Float32Layer(nn.Module):
    """A layer that converts its input to float32: the last one, whose results a 16-bit type rounds
    to steps of half a code value."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        widened: Tensor = self.layer(x.float())
        return widened


def transpose_kernels(generator: Generator) -> Generator:
    """Return a copy of ``generator`` for ``TransposedGenerator``: all kernels but the sound
    encoder's are transposed. Their strides and padding are the same both ways."""
    transposed = copy.deepcopy(generator)
    for name, weight in transposed.named_parameters():
        if weight.ndim == 4 and not name.startswith(AUDIO_PREFIX):
            weight.data = weight.data.mT.contiguous()
    return transposed


def _packed_block(block: ConvBlock, precision: torch.dtype, shape: tuple[int, ...]) -> nn.Module:
    if is_winograd_faster(block, precision, shape):
        return WinogradBlock(block, _in_place(block.act), precision, shape)
    return PackedBlock(block, precision, shape)


def input_shapes(generator: Generator) -> dict[str, Shape]:
    """Return channels, height and width of the input of each block that is used, by its name.

    ``generator``: one on the device 'meta', which computes shapes only.
    """
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
    """A ``ConvBlock`` with folded batch norm. ``shape``: (B, C, h, w) of its usual input.

    The activation is not left to oneDNN, whose ReLU turns NaN into 0 and so hides it.
    """

    def __init__(self, block: ConvBlock, precision: torch.dtype, shape: tuple[int, ...]) -> None:
        super().__init__()
        (convolution,) = block.conv_block
        assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
        assert convolution.bias is not None
        self.act = _in_place(block.act)
        self._residual = block.residual
        options = [convolution.padding, convolution.stride, convolution.dilation]
        reorder, self._run = onednn._reorder_convolution_weight, onednn._convolution_pointwise
        if isinstance(convolution, nn.ConvTranspose2d):
            options.insert(1, convolution.output_padding)
            reorder = onednn._reorder_convolution_transpose_weight
            self._run = onednn._convolution_transpose_pointwise
        self._options = (*map(list, options), convolution.groups)
        self._weight = reorder(convolution.weight.to(precision), *self._options, list(shape))
        self._bias = convolution.bias.to(precision)

    def forward(self, x: Tensor) -> Tensor:
        given = x, self._weight, self._bias, *self._options
        if self._residual:
            y = self._run.binary(x, *given, "add", 1.0, None, [], "")
        else:
            y = self._run(*given, "none", [], "")
        activated: Tensor = self.act(y)
        return activated


def _in_place(activation: nn.Module) -> nn.Module:
    """Return the same activation, in place: a second large tensor does not fit into the processor's
    cache."""
    if isinstance(activation, nn.PReLU):
        return nn.LeakyReLU(float(activation.weight), inplace=True)
    return nn.ReLU(inplace=True)
