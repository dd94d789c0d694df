from functools import partial

import pytest
import torch
from torch import Tensor, nn

from heygem_daemon.engines.wav2lip.layout import LAYOUTS, GeneratorLayout
from heygem_daemon.engines.wav2lip.network import lowest_rows, stage_heights, stage_rows_needed
from tests.engines.wav2lip.conftest import narrowed, random_generator

layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


@layouts
def test_stages_grow_to_the_pictures_size(layout: GeneratorLayout) -> None:
    heights = stage_heights(layout)
    assert heights == sorted(heights)
    assert heights[-1] == layout.size


@layouts
def test_all_rows_of_a_picture_need_all_of_every_stage(layout: GeneratorLayout) -> None:
    assert stage_rows_needed(layout, layout.size) == tuple(stage_heights(layout))


@layouts
def test_half_a_picture_needs_little_more_than_half_of_the_large_stages(
    layout: GeneratorLayout,
) -> None:
    kept = stage_rows_needed(layout, layout.size // 2)
    last, before = stage_heights(layout)[-1], stage_heights(layout)[-2]
    assert last / 2 < kept[-1] < 0.55 * last
    assert before / 2 < kept[-2] < 0.65 * before


@layouts
def test_the_lowest_rows_are_those_of_the_whole_picture(layout: GeneratorLayout) -> None:
    tiny = narrowed(layout)
    generator = random_generator(tiny)
    torch.manual_seed(4)
    given = torch.rand(2, 1, 80, 16) * 8 - 4, torch.rand(2, 6, tiny.size, tiny.size)
    whole = generator(*given)
    for rows in (1, 7, tiny.size // 2, tiny.size * 5 // 8, tiny.size - 1, tiny.size):
        drawn = generator(*given, rows)
        assert drawn.shape == (2, 3, rows, tiny.size)
        assert (drawn - lowest_rows(whole, rows)).abs().max() < 1e-6


@layouts
def test_the_first_row_that_is_kept_of_a_stage_is_needed(layout: GeneratorLayout) -> None:
    tiny = narrowed(layout)
    generator = random_generator(tiny)
    rows = tiny.size * 5 // 8
    torch.manual_seed(4)
    given = torch.rand(1, 1, 80, 16) * 8 - 4, torch.rand(1, 6, tiny.size, tiny.size)
    expected = generator(*given, rows)
    for block, kept in zip(
        generator.face_decoder_blocks, stage_rows_needed(tiny, rows), strict=True
    ):
        spoilt = block.register_forward_hook(partial(_with_a_spoilt_row, kept))
        assert not torch.equal(generator(*given, rows), expected)
        spoilt.remove()


def _with_a_spoilt_row(kept: int, _block: nn.Module, _given: object, drawn: Tensor) -> Tensor:
    """What a stage gives, its row that is the lowest but ``kept`` - 1 another."""
    changed = drawn.clone()
    changed[:, :, -min(kept, drawn.shape[2])] += 10
    return changed
