from dataclasses import replace

import numpy as np
import pytest
import torch

from heygem_daemon.engines.builtin.interior.mouth_interior import (
    DonorMouth,
    MouthOpening,
    map_to_donor,
    measure_usual_sharpness,
    sample_donor,
)
from heygem_daemon.engines.builtin.warp.field import LINE_SAMPLES
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, pixel_centres

SIDE, SCALE = 200, 100.0
VIEW = PlaneView(np.eye(2, dtype=np.float32) * SCALE, np.array([100, 100], np.float32))
ALL = slice(0, SIDE)
UPPER = -0.05


def opening(gap: float) -> MouthOpening:
    """Return a mouth from x = -0.3 to 0.3 whose lips are ``gap`` apart everywhere."""
    pixels = pixel_centres(ALL, torch.device("cpu"))
    x, y = VIEW.to_plane(pixels, pixels)
    return MouthOpening(
        window=(ALL, ALL),
        x=x,
        y=y,
        along=(x + 0.3) / 0.6,
        width=0.6,
        depth=y - UPPER,
        gap=torch.full_like(x, gap),
        skin=torch.tensor([120.0, 128, 128]),
        black=16.0,
        usual_sharpness=1e6,
    )


def donor_mouth(gap: float, upper: float = 0.0) -> DonorMouth:
    """Return a donor whose picture's luma is its row, with its upper lip at ``upper``."""
    rows = torch.arange(SIDE, dtype=torch.float32)[:, None].expand(SIDE, SIDE)
    picture = torch.stack([rows, torch.full_like(rows, 120), torch.full_like(rows, 130)])
    lines = torch.tensor([[upper], [upper + gap]]).expand(2, LINE_SAMPLES)
    skin = torch.tensor([120.0, 128, 128])
    return DonorMouth(picture, VIEW, VIEW.axes, skin, lines, (-0.3, 0.3), 1.0)


def down_the_middle(donor: DonorMouth, target: MouthOpening) -> torch.Tensor:
    """Return IOD below the donor's upper lip, at each place down the middle of the target mouth."""
    coordinates = map_to_donor(donor, target)
    inside = (target.depth[:, 100] >= 0) & (target.depth[:, 100] <= target.gap[0, 0])
    return (coordinates.y - donor.inner_lip_lines[0, 0])[inside, 100]


def test_a_mouth_that_opens_as_far_is_shown_as_it_is() -> None:
    shown = down_the_middle(donor_mouth(0.2, upper=0.03), opening(0.2))
    target = opening(0.2).depth[(opening(0.2).depth[:, 100] >= 0), 100][: len(shown)]
    assert torch.allclose(shown, target, atol=1e-5)


def test_a_mouth_that_opens_less_leaves_out_the_middle_and_squeezes_no_teeth() -> None:
    steps = down_the_middle(donor_mouth(0.2), opening(0.1)).diff() * SCALE
    assert torch.allclose(steps[:3], torch.ones(3), atol=1e-3)
    assert torch.allclose(steps[-1:], torch.ones(1), atol=1e-3)
    assert steps.max() > 3
    assert steps.min() > 0.99


@pytest.mark.parametrize("gap", [0.21, 0.25, 0.3])
def test_a_mouth_that_opens_more_is_stretched_and_never_folded(gap: float) -> None:
    steps = down_the_middle(donor_mouth(0.2), opening(gap)).diff() * SCALE
    assert steps.min() >= 0
    assert steps.max() <= 1.001


def test_a_mouth_that_opens_much_more_stretches_no_teeth_but_misses_its_lower_part() -> None:
    target = opening(0.4)
    steps = down_the_middle(donor_mouth(0.2), target).diff() * SCALE
    assert torch.allclose(steps[:20], torch.full((20,), 0.8), atol=1e-3)
    missing = map_to_donor(donor_mouth(0.2), target).missing
    assert missing is not None
    down = target.depth[:, 100]
    assert missing[(down > 0) & (down < 0.2), 100].max() == 0
    assert missing[(down > 0.26) & (down < 0.4), 100].min() == 1
    assert map_to_donor(donor_mouth(0.2), opening(0.24)).missing is None


def test_the_donors_lips_are_hardly_sampled() -> None:
    donor = donor_mouth(0.05)
    coordinates = map_to_donor(donor, opening(0.3))
    assert coordinates.y.min() >= -0.03 - 1e-6
    assert coordinates.y.max() <= 0.05 + 0.03 + 1e-6


def test_a_donors_pixels_are_lit_like_the_skin_of_the_frame() -> None:
    darker = donor_mouth(0.2)
    darker.skin.copy_(torch.tensor([68.0, 120, 132]))
    target = opening(0.2)
    coordinates = map_to_donor(darker, target)
    plain = sample_donor(donor_mouth(0.2), coordinates, target)[:, 110, 100]
    lit = sample_donor(darker, coordinates, target)[:, 110, 100]
    # Twice as far above black is more than the gain may be: 1.4 times; chroma follows the skin.
    assert torch.allclose(lit[0] - 16, 1.4 * (plain[0] - 16), rtol=1e-4)
    assert lit[1:].tolist() == pytest.approx([128, 126])


def striped(gap: float) -> DonorMouth:
    """Return a donor with a stripe in every other row."""
    rows = 100 + 40 * (torch.arange(SIDE) % 2).float()[:, None].expand(SIDE, SIDE)
    return replace(donor_mouth(gap), picture=torch.stack([rows, rows, rows]))


def test_edges_harder_than_usual_are_softened_in_an_open_mouth_alone() -> None:
    for gap, softer in ((0.2, True), (0.03, False)):
        donor, unlimited = striped(gap), opening(gap)
        limited = replace(unlimited, usual_sharpness=1.0)
        coordinates = map_to_donor(donor, unlimited)
        hard, soft = (sample_donor(donor, coordinates, each)[0] for each in (unlimited, limited))
        assert bool((soft[100:104].std() < 0.5 * hard[100:104].std()).item()) == softer


def test_usual_edges_are_those_of_open_mouths() -> None:
    plain = donor_mouth(0.2)
    assert measure_usual_sharpness([]) == float("inf")
    assert measure_usual_sharpness([plain]) == pytest.approx(0.0, abs=0.1)
    assert measure_usual_sharpness([striped(0.2)]) > 1000
