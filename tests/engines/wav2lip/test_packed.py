import pytest
import torch

from heygem_daemon.engines.wav2lip.layout import LAYOUTS, WAV2LIP_96, WAV2LIP_256, GeneratorLayout
from heygem_daemon.engines.wav2lip.network import ConvBlock, Generator
from heygem_daemon.engines.wav2lip.packed import can_pack, input_shapes, pack_generator
from heygem_daemon.engines.wav2lip.runner import fold_batch_norms
from heygem_daemon.engines.wav2lip.winograd import WinogradBlock
from tests.engines.wav2lip.conftest import narrowed, random_generator

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(
    not can_pack(torch.float32, CPU), reason="oneDNN's layers are used on x86 processors only"
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_packed_layers_draw_the_same(layout: GeneratorLayout) -> None:
    generator = fold_batch_norms(random_generator(narrowed(layout)))
    mels, pictures = torch.rand(2, 1, 80, 16), torch.rand(2, 6, layout.size, layout.size)
    # The largest one carries far larger numbers than trained weights would make.
    limit = 1e-5 if layout.size == 96 else 1e-4
    drawn = pack_generator(generator, torch.float32, batch=2)(mels, pictures)
    assert (drawn - generator(mels, pictures)).abs().max() < limit


def test_any_number_of_pictures_is_drawn(generator: Generator) -> None:
    mels, pictures = torch.rand(3, 1, 80, 16), torch.rand(3, 6, 96, 96)
    drawn = pack_generator(fold_batch_norms(generator), torch.float32, batch=2)(mels, pictures)
    assert (drawn - generator(mels, pictures)).abs().max() < 1e-5


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_values_that_are_no_numbers_are_not_hidden(
    generator: Generator, precision: torch.dtype
) -> None:
    if not can_pack(precision, CPU):
        pytest.skip("this processor does not compute in bfloat16")
    network = pack_generator(fold_batch_norms(generator), precision, batch=1)
    mels, pictures = torch.rand(1, 1, 80, 16), torch.rand(1, 6, 96, 96)
    assert network(mels.to(precision), pictures.to(precision)).isfinite().all()
    assert network(mels.to(precision) * torch.nan, pictures.to(precision)).isnan().any()
    assert network(mels.to(precision), pictures.to(precision) * torch.nan).isnan().any()


def test_each_layer_that_is_used_has_a_shape() -> None:
    with torch.device("meta"):
        generator = Generator(WAV2LIP_96).eval()
        refined = Generator(WAV2LIP_256).eval()
    shapes = input_shapes(generator)
    assert len(shapes) == sum(isinstance(each, ConvBlock) for each in generator.modules())
    assert shapes["output_block.0"] == (80, 96, 96)
    assert shapes["face_decoder_blocks.1.0"] == (1024, 1, 1)
    assert not any("audio_refine" in name for name in input_shapes(refined))


def test_only_numbers_that_the_processor_computes_with_are_packed() -> None:
    assert not can_pack(torch.float16, CPU)
    assert not can_pack(torch.float32, torch.device("cuda"))


def test_the_largest_layers_compute_rows_together(generator: Generator) -> None:
    if not can_pack(torch.bfloat16, CPU) or torch.cpu._is_amx_tile_supported():
        pytest.skip("this processor does not gain by it")
    network = pack_generator(fold_batch_norms(generator), torch.bfloat16, batch=1)
    together = [name for name, each in network.named_modules() if isinstance(each, WinogradBlock)]
    assert together == [f"face_decoder_blocks.{stage}.{k}" for stage in range(3, 7) for k in (1, 2)]


def test_all_layouts_draw_their_lowest_rows_as_in_whole_pictures() -> None:
    for layout in LAYOUTS:
        network = pack_generator(
            fold_batch_norms(random_generator(narrowed(layout))), torch.float32, batch=1
        )
        mels, pictures = torch.rand(1, 1, 80, 16), torch.rand(1, 6, layout.size, layout.size)
        rows = layout.size * 5 // 8
        whole = network(mels, pictures)
        assert (network(mels, pictures, rows) - whole[:, :, -rows:]).abs().max() < 1e-6


def test_the_last_layer_is_not_rounded(generator: Generator) -> None:
    if not can_pack(torch.bfloat16, CPU):
        pytest.skip("this processor does not compute in bfloat16")
    network = pack_generator(fold_batch_norms(generator), torch.bfloat16, batch=1)
    mels, pictures = torch.rand(1, 1, 80, 16), torch.rand(1, 6, 96, 96)
    drawn = network(mels.bfloat16(), pictures.bfloat16())
    assert drawn.dtype == torch.float32
    assert not torch.equal(drawn, drawn.bfloat16().float())
