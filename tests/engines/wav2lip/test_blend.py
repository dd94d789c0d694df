import torch
from torch import Tensor

from heygem_daemon.engines.wav2lip.blend import colour_matched, enlarged, mouth_mask, resized

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


def smooth_picture() -> Tensor:
    torch.manual_seed(1)
    return resized(torch.rand(3, 6, 6) * 0.4 + 0.3, SIZE, SIZE)


def test_a_shift_of_colour_is_taken_back() -> None:
    seen = smooth_picture()
    tinted = (seen * 0.9 + torch.tensor([0.08, 0.0, -0.05])[:, None, None]).clamp(0, 1)
    mask = mouth_mask(SQUARE, SIZE)
    inside = mask[0] > 0.5
    matched = colour_matched(tinted, seen, mask)
    before, after = (
        (tinted - seen)[:, inside].abs().mean(),
        (matched - seen)[:, inside].abs().mean(),
    )
    assert after < before / 4


def test_what_is_new_inside_the_mouth_stays() -> None:
    seen = smooth_picture()
    drawn = seen.clone()
    drawn[:, 64:70, 44:52] = 0.02
    matched = colour_matched(drawn, seen, mouth_mask(SQUARE, SIZE))
    assert matched[:, 64:70, 44:52].max() < 0.1


def test_equal_pictures_stay_equal() -> None:
    seen = smooth_picture()
    matched = colour_matched(seen, seen, mouth_mask(SQUARE, SIZE))
    assert torch.equal(matched, seen)


def test_a_mask_stays_between_nothing_and_all_at_any_size() -> None:
    mask = enlarged(mouth_mask(SQUARE, SIZE), 301, 255)
    assert mask.shape == (1, 301, 255)
    assert mask.min() == 0
    assert 0.99 < mask.max() <= 1


def test_there_and_back_keeps_a_smooth_picture() -> None:
    seen = smooth_picture()
    back = resized(resized(seen, 240, 200), SIZE, SIZE)
    assert (back - seen).abs().max() < 0.02
