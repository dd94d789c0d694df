import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from heygem_daemon.engines.patch import Patch
from heygem_daemon.engines.wav2lip.blend import (
    MaskExtent,
    blend_into,
    match_colours,
    mouth_mask,
    rows_below,
)
from heygem_daemon.engines.wav2lip.resize import resize_part, resize_planes

SIZE = 96
SQUARE = torch.tensor([[0.25, 0.5], [0.75, 0.5], [0.75, 0.9], [0.25, 0.9]])


def test_the_mask_is_whole_inside_soft_at_the_edge_and_nothing_outside() -> None:
    mask = mouth_mask(SQUARE, SIZE)[0]
    assert mask[67, 48] > 0.99
    assert mask[20, 48] == 0
    assert 0.3 < mask[48, 48] < 0.7
    steps = (mask[:, 48].diff().abs()).max()
    assert steps < 0.2, "no hard edge"


def test_the_mask_ends_before_the_border_of_the_box() -> None:
    everything = torch.tensor([[-1.0, -1.0], [2.0, -1.0], [2.0, 2.0], [-1.0, 2.0]])
    mask = mouth_mask(everything, SIZE)[0]
    border = torch.cat([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert border.max() == 0
    assert mask[48, 48] > 0.999


@pytest.mark.parametrize("height", [302, 96, 61])
def test_the_mask_needs_no_rows_above_those_that_are_drawn(height: int) -> None:
    mask, patch = mouth_mask(SQUARE, SIZE), noise(height, 254)
    rows = rows_below(float(SQUARE[:, 1].min()), SIZE)
    assert SIZE // 2 < rows < 0.7 * SIZE
    drawn = torch.rand(3, SIZE, SIZE) * 255
    other = drawn.clone()
    other[:, : SIZE - rows] = 128
    one, two = blend_into(patch, drawn, mask), blend_into(patch, other, mask)
    assert torch.equal(one.luma, two.luma)
    assert torch.equal(one.chroma, two.chroma)
    assert not torch.equal(one.luma, patch.luma)


def test_a_mask_that_begins_above_the_box_needs_the_whole_picture() -> None:
    assert rows_below(-0.2, SIZE) == SIZE
    assert rows_below(0.0, SIZE) == SIZE
    assert rows_below(2.0, SIZE) == 1


def smooth_picture() -> Tensor:
    torch.manual_seed(1)
    return resize_planes(torch.rand(3, 6, 6) * 0.4 + 0.3, SIZE, SIZE)


def test_a_shift_of_colour_is_corrected() -> None:
    source = smooth_picture()
    tinted = (source * 0.9 + torch.tensor([0.08, 0.0, -0.05])[:, None, None]).clamp(0, 1)
    mask = mouth_mask(SQUARE, SIZE)
    inside = mask[0] > 0.5
    matched = match_colours(tinted, source, mask)
    before, after = (
        (tinted - source)[:, inside].abs().mean(),
        (matched - source)[:, inside].abs().mean(),
    )
    assert after < before / 4


def test_differences_inside_the_mouth_stay() -> None:
    source = smooth_picture()
    drawn = source.clone()
    drawn[:, 64:70, 44:52] = 0.02
    matched = match_colours(drawn, source, mouth_mask(SQUARE, SIZE))
    assert matched[:, 64:70, 44:52].max() < 0.1


def test_equal_pictures_stay_equal() -> None:
    source = smooth_picture()
    matched = match_colours(source, source, mouth_mask(SQUARE, SIZE))
    assert torch.equal(matched, source)


def test_a_mask_stays_between_nothing_and_all_at_any_size() -> None:
    everything = slice(None)
    mask = resize_part(mouth_mask(SQUARE, SIZE), 301, 255, everything, everything, "bilinear")
    assert mask.shape == (1, 301, 255)
    assert mask.min() == 0
    assert 0.99 < mask.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(302, 254), (96, 96), (60, 44)])
def test_the_extent_of_a_mask_contains_all_that_it_changes(height: int, width: int) -> None:
    mask = mouth_mask(SQUARE, SIZE)
    reach = MaskExtent.of(mask[0], height, width)
    assert reach is not None
    touched = resize_part(mask, height, width, slice(None), slice(None), "bilinear")[0].clone()
    touched[reach.rows, reach.columns] = 0
    assert touched.max() == 0


def test_an_empty_mask_changes_nothing() -> None:
    patch = noise(120, 100)
    laid = blend_into(patch, torch.zeros(3, SIZE, SIZE), torch.zeros(1, SIZE, SIZE))
    assert torch.equal(laid.luma, patch.luma)
    assert torch.equal(laid.chroma, patch.chroma)


def noise(height: int, width: int) -> Patch:
    torch.manual_seed(2)
    luma = torch.randint(0, 256, (height, width), dtype=torch.uint8)
    return Patch(luma, torch.randint(0, 256, (2, height // 2, width // 2), dtype=torch.uint8))


def test_a_patch_changes_as_if_all_of_it_had_been_enlarged_and_mixed() -> None:
    patch, mask = noise(302, 254), mouth_mask(SQUARE, SIZE)
    drawn = resize_planes(torch.rand(3, 8, 8) * 180 + 30, SIZE, SIZE)
    laid = blend_into(patch, drawn, mask)
    for planes, blended, source in (
        (drawn[:1], laid.luma[None], patch.luma[None]),
        (drawn[1:], laid.chroma, patch.chroma),
    ):
        size = tuple(blended.shape[-2:])
        enlarged = F.interpolate(planes[None], size, mode="bicubic")[0]
        share = F.interpolate(mask[None], size, mode="bilinear")[0]
        mixed = (source + share * (enlarged - source)).round().clamp(0, 255)
        assert (blended.int() - mixed.int()).abs().max() <= 1
        assert (blended.int() != mixed.int()).float().mean() < 0.001
        assert torch.equal(
            blended[share.expand_as(blended) == 0], source[share.expand_as(blended) == 0]
        )


def test_enlarging_and_shrinking_keeps_a_smooth_picture() -> None:
    source = smooth_picture()
    back = resize_planes(resize_planes(source, 240, 200), SIZE, SIZE)
    assert (back - source).abs().max() < 0.02
