import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from heygem_daemon.engines.wav2lip.layout import LayerSpec
from heygem_daemon.engines.wav2lip.network import ConvBlock
from heygem_daemon.engines.wav2lip.packed import can_pack
from heygem_daemon.engines.wav2lip.winograd import (
    WinogradBlock,
    is_winograd_faster,
    transform_bias,
    transform_kernel,
)

CPU = torch.device("cpu")
on_x86 = pytest.mark.skipif(
    not can_pack(torch.float32, CPU), reason="oneDNN's layers are used on x86 processors only"
)
in_bfloat16 = pytest.mark.skipif(
    not can_pack(torch.bfloat16, CPU), reason="this processor does not compute in bfloat16"
)


def block_of(channels: int, layer: LayerSpec | None = None) -> ConvBlock:
    """A block with random weights, its batch norm folded away."""
    torch.manual_seed(3)
    block = ConvBlock(channels, layer or LayerSpec(channels, residual=True), learned_slope=False)
    block.conv_block = nn.Sequential(block.conv_block[0])
    return block.requires_grad_(False)


def winograd_of(block: ConvBlock, precision: torch.dtype, shape: tuple[int, ...]) -> WinogradBlock:
    return WinogradBlock(block, nn.ReLU(inplace=True), precision, shape)


def given(*shape: int) -> Tensor:
    torch.manual_seed(4)
    return torch.rand(shape).contiguous(memory_format=torch.channels_last)


def expected(block: ConvBlock, x: Tensor) -> Tensor:
    """What the block gives, in double precision."""
    (convolution,) = block.conv_block
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    weight, bias = convolution.weight.double(), convolution.bias.double()
    return (conv2d(x.double(), weight, bias, padding=1) + x.double()).relu()


def code_values_off(drawn: Tensor, block: ConvBlock, x: Tensor) -> float:
    return float((drawn.double() - expected(block, x)).square().mean().sqrt())


@on_x86
@pytest.mark.parametrize("shape", [(2, 8, 12, 10), (1, 8, 4, 1), (3, 16, 8, 5)])
def test_it_is_the_convolution(shape: tuple[int, ...]) -> None:
    block, x = block_of(shape[1]), given(*shape)
    drawn = winograd_of(block, torch.float32, shape)(x)
    assert drawn.is_contiguous(memory_format=torch.channels_last)
    assert (drawn - expected(block, x)).abs().max() < 1e-5


@on_x86
def test_what_is_given_is_left_as_it_was() -> None:
    x = given(1, 8, 8, 6)
    before = x.clone()
    winograd_of(block_of(8), torch.float32, (1, 8, 8, 6))(x)
    assert torch.equal(x, before)


@in_bfloat16
def test_in_bfloat16_its_error_is_small_beside_a_code_value() -> None:
    shape = 2, 128, 24, 20
    block, x = block_of(128), given(*shape).bfloat16()
    plain = expected(block, x).bfloat16().float()
    drawn = winograd_of(block, torch.bfloat16, shape)(x)
    assert code_values_off(drawn.float(), block, x) < 2.5 * code_values_off(plain, block, x)
    assert code_values_off(drawn.float(), block, x) < 1 / 255


@in_bfloat16
def test_pictures_do_not_depend_on_each_other() -> None:
    shape = 4, 64, 16, 12
    layer, x = winograd_of(block_of(64), torch.bfloat16, shape), given(*shape).bfloat16()
    whole = layer(x)
    for number in range(4):
        other = torch.rand_like(x) * 100
        other[number] = x[number]
        assert torch.equal(layer(other)[number], whole[number])


@in_bfloat16
@pytest.mark.parametrize("columns", [1, 7, 10, 19])
def test_columns_are_the_same_however_many_there_are(columns: int) -> None:
    shape = 2, 128, 24, 20
    layer, x = winograd_of(block_of(128), torch.bfloat16, shape), given(*shape).bfloat16()
    part = x[..., -columns:].contiguous(memory_format=torch.channels_last)
    # The first of them misses its neighbour.
    assert torch.equal(layer(part)[..., 1:], layer(x)[..., 20 - columns + 1 :])


@in_bfloat16
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_values_that_are_no_numbers_are_not_hidden(wrong: float) -> None:
    shape = 1, 64, 12, 8
    layer, x = winograd_of(block_of(64), torch.bfloat16, shape), given(*shape).bfloat16()
    x[0, 5, 6, 3] = wrong
    assert not layer(x)[0, :, 6, 3].isfinite().any()


def test_a_kernel_of_nothing_leaves_the_bias_on_each_row() -> None:
    bias = torch.tensor([1.0, -2.0])
    zero, plus, minus, far, farther, infinity = transform_bias(bias)
    assert torch.equal(far, torch.zeros(2))
    assert torch.equal(farther, torch.zeros(2))
    point = 0.5**0.5
    assert torch.allclose(zero + (plus + minus), bias)
    assert torch.allclose(point * (plus - minus), bias)
    assert torch.allclose(point**2 * (plus + minus), bias)
    assert torch.allclose(point**3 * (plus - minus) + infinity, bias)


def test_kernels_lie_along_the_columns() -> None:
    weight = torch.rand(2, 2, 3, 3)
    six = transform_kernel(weight)
    assert [kernel.shape for kernel in six] == [(2, 2, 1, 3)] * 6
    assert torch.equal(six[0], weight[:, :, :1])
    assert torch.equal(six[5], weight[:, :, 2:])


@pytest.mark.parametrize(
    ("layer", "precision", "shape", "expected_choice"),
    [
        (LayerSpec(64, residual=True), torch.bfloat16, (4, 64, 96, 96), True),
        (LayerSpec(64, residual=True), torch.float32, (4, 64, 96, 96), False),
        (LayerSpec(64, residual=True), torch.bfloat16, (4, 64, 24, 24), False),
        (LayerSpec(64, residual=True), torch.bfloat16, (4, 64, 98, 98), False),
        (LayerSpec(32, residual=True), torch.bfloat16, (4, 32, 288, 288), False),
        (LayerSpec(64), torch.bfloat16, (4, 64, 96, 96), False),
        (LayerSpec(64, stride=2, is_transposed=True), torch.bfloat16, (4, 64, 96, 96), False),
    ],
)
def test_only_large_layers_in_bfloat16_are_worth_it(
    layer: LayerSpec,
    precision: torch.dtype,
    shape: tuple[int, ...],
    expected_choice: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    block = block_of(layer.channels, layer)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert is_winograd_faster(block, precision, shape) == expected_choice
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert not is_winograd_faster(block, precision, shape)
