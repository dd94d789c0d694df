from dataclasses import replace

import numpy as np
import pytest
import torch

from heygem_daemon.engines.builtin import whole_mouth
from heygem_daemon.engines.builtin.interior import mouth_bank
from heygem_daemon.engines.builtin.interior.borrowed_interior import borrow_interior
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    CHROMA_SHIFT,
    GAIN,
    DonorMouth,
)
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.interior.teeth_placement import TeethPlace
from heygem_daemon.engines.builtin.painter import PaintInputs
from heygem_daemon.engines.builtin.warp.field import COLUMNS, LINE_SAMPLES, ROWS, WarpFields
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, pixel_centres
from heygem_daemon.engines.builtin.warp.sampling import sample_planes
from heygem_daemon.engines.builtin.whole_mouth import (
    NARROWER,
    WIDER,
    WholeMouth,
    blend_whole_mouths,
    inside_share,
    join_lips,
    match_light,
    mix_mouths,
)

CPU = torch.device("cpu")
SCALE, SIDE = 100.0, 240
VIEW = PlaneView(np.eye(2, dtype=np.float32) * SCALE, np.array([120, 100], np.float32))
SKIN = torch.tensor([120.0, 120, 135])


def motionless() -> WarpFields:
    """Return the fields of one pair of shut lips that do not move."""
    still = np.zeros((1, 2, ROWS, COLUMNS), np.float32)
    lines = np.zeros((1, 2, LINE_SAMPLES), np.float32)
    corners = np.array([[[-0.3, 0], [0.3, 0]]], np.float32)
    return WarpFields(still, still, lines, corners)


def inputs(interior: ShippedInterior) -> PaintInputs:
    return PaintInputs(
        view=VIEW,
        fields=motionless(),
        row=0,
        donors=(),
        painted_share=0.0,
        closing=0.0,
        black=16.0,
        usual_sharpness=1e6,
        borrowed=borrow_interior(interior, CPU),
        teeth=TeethPlace(0.0, 0.0, 1.0),
    )


def lent(picture: torch.Tensor, skin: torch.Tensor = SKIN, share: float = 1.0) -> WholeMouth:
    view = mouth_bank.patch_view(*picture.shape[1:])
    lines = torch.zeros(2, LINE_SAMPLES)
    donor = DonorMouth(picture, view, view.axes, skin, lines, (-0.3, 0.3), share)
    return WholeMouth(donor, motionless(), 0, 0.0)


def plain(colour: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return colour[:, None, None].expand(3, height, width).clone()


@pytest.fixture
def crop() -> torch.Tensor:
    return plain(SKIN, SIDE, SIDE)


def spotted(colour: torch.Tensor, luma: float) -> torch.Tensor:
    """Return a patch (3, 90, 120) with lips of another ``luma`` in its middle."""
    picture = plain(colour, 90, 120)
    picture[0, 33:42, 48:72] = luma
    return picture


def test_a_mouth_covers_the_middle_of_its_patch_and_leaves_the_frame_around_it(
    crop: torch.Tensor, interior: ShippedInterior
) -> None:
    before = crop.clone()
    blend_whole_mouths(crop, inputs(interior), (lent(spotted(SKIN, 60)),))
    assert crop[0, 100, 120] == pytest.approx(60, abs=8)
    window = (..., slice(70, 145), slice(70, 170))
    outside = torch.ones(SIDE, SIDE, dtype=torch.bool)
    outside[window[1:]] = False
    assert torch.equal(crop[:, outside], before[:, outside])


def test_two_mouths_are_mixed_by_their_shares_and_the_frame_keeps_the_rest(
    crop: torch.Tensor, interior: ShippedInterior
) -> None:
    one, other = lent(spotted(SKIN, 60), share=0.5), lent(spotted(SKIN, 100), share=0.25)
    blend_whole_mouths(crop, inputs(interior), (one, other))
    assert crop[0, 100, 120] == pytest.approx(0.5 * 60 + 0.25 * 100 + 0.25 * 120, abs=1)


def noise(seed: int) -> torch.Tensor:
    """Return a patch (3, 90, 120) of skin with pores of its own."""
    pores = torch.randn(3, 90, 120, generator=torch.Generator().manual_seed(seed))
    return SKIN[:, None, None] + 10 * pores


def edges(crop: torch.Tensor) -> float:
    """Return the energy of the edges in the middle of a crop (3, h, w)."""
    luma = crop[0, 80:130, 95:145]
    return float((4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1]).square().mean())


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("with_own", [True, False])
def test_a_mixed_mouth_has_the_edges_of_one_mouth(
    share: float, with_own: bool, crop: torch.Tensor, interior: ShippedInterior
) -> None:
    donor, mixed = crop.clone(), crop.clone()
    blend_whole_mouths(donor, inputs(interior), (lent(noise(1)),))
    other = lent(noise(2), share=share)
    if with_own:
        mixed.copy_(donor)
        blend_whole_mouths(mixed, inputs(interior), (other,))
    else:
        blend_whole_mouths(mixed, inputs(interior), (lent(noise(1), share=1 - share), other))
    assert edges(mixed) > 0.9 * edges(donor)


def test_mixed_mouths_keep_what_is_coarse_of_both() -> None:
    dark, light = plain(SKIN, 60, 80), plain(SKIN + 40, 60, 80)
    mixed = mix_mouths([dark, light], [0.6, 0.4], 4)
    assert torch.allclose(mixed, dark + 16, atol=1e-3)
    halves = torch.cat([dark[..., :40], light[..., :40]], dim=2)
    for cell in (4, 7, 100):
        half = mix_mouths([halves, dark], [0.5, 0.5], cell)
        assert half.shape == dark.shape
        assert half[1:].allclose((halves + dark)[1:] / 2)


@pytest.mark.parametrize("even", [True, False])
def test_a_mouth_takes_the_light_and_the_colour_of_the_frame(even: bool) -> None:
    places = VIEW.to_plane(*(pixel_centres(slice(70, 170), CPU) for _ in range(2)))
    basis = torch.cat([torch.ones_like(places[:1]), places])
    light = basis[0] if even else basis[0] + 0.1 * basis[1]
    frame = torch.stack([16 + 104 * light, 120 * basis[0], 135 * basis[0]])
    layer = plain(SKIN - torch.tensor([10.0, 4, -3]), *frame.shape[1:])
    lit = match_light(layer, frame, places, torch.full_like(places[0], 0.5), 16.0)
    left, middle, right = ((lit - frame)[:, 50, x].abs() for x in (5, 50, 95))
    unlit = (layer - frame)[:, 50, 50].abs()
    assert (middle < 0.4 * unlit).all()
    if not even:
        assert max(left[0], right[0]) < (layer - frame)[0, 50].abs().max()


def test_a_strange_light_at_the_seam_changes_a_mouth_within_bounds() -> None:
    places = VIEW.to_plane(*(pixel_centres(slice(70, 170), CPU) for _ in range(2)))
    layer = plain(SKIN, 100, 100)
    white = plain(torch.tensor([255.0, 250, 10]), 100, 100)
    lit = match_light(layer, white, places, torch.full_like(places[0], 0.5), 16.0)
    assert lit[0].max() <= 16 + GAIN[1] * (float(SKIN[0]) - 16) + 0.01
    assert (lit[1:] - layer[1:]).abs().max() <= CHROMA_SHIFT


def test_a_black_mouth_keeps_a_finite_light() -> None:
    places = VIEW.to_plane(*(pixel_centres(slice(70, 170), CPU) for _ in range(2)))
    layer = plain(torch.tensor([16.0, 128, 128]), 100, 100)
    for cover in (0.0, 0.5, 1.0):
        lit = match_light(layer, layer, places, torch.full_like(places[0], cover), 16.0)
        assert torch.equal(lit, layer)


def test_detail_of_a_finer_patch_appears_where_it_was_filmed(
    crop: torch.Tensor, interior: ShippedInterior
) -> None:
    picture = plain(SKIN, 180, 240)
    view = mouth_bank.patch_view(180, 240)
    x, y = view.to_pixels(torch.tensor(0.1), torch.tensor(0.15)).round().int().tolist()
    picture[0, y - 4 : y + 4, x - 4 : x + 4] = 40
    blend_whole_mouths(crop, inputs(interior), (lent(picture),))
    dark = (crop[0] < 80).nonzero().float().mean(dim=0)
    assert dark.tolist() == pytest.approx([100 + 15, 120 + 10], abs=1)


def test_of_each_lip_hardly_more_than_what_is_seen_is_sampled(
    crop: torch.Tensor, interior: ShippedInterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled = []

    def count(picture: torch.Tensor, grid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sampled.append(grid[..., 0].numel())
        return sample_planes(picture, grid)

    monkeypatch.setattr(whole_mouth, "sample_planes", count)
    blend_whole_mouths(crop, inputs(interior), (lent(noise(1)),))
    assert sum(sampled) < 1.2 * 100 * 75


@pytest.mark.parametrize("middle", [-5.0, 0.3, 20.0, 37.0, 60.0])
@pytest.mark.parametrize("tilt", [0.0, 0.4, -0.4])
def test_two_lips_that_are_joined_are_those_that_are_mixed_everywhere(
    middle: float, tilt: float
) -> None:
    upper, lower = noise(1)[:, :40, :30], noise(2)[:, :40, :30]
    y, x = torch.arange(40.0)[:, None], torch.arange(30.0) - 15
    below = (y - middle - tilt * x + 0.5).clamp(0, 1)
    joined = join_lips(lambda lip, rows: (upper, lower)[lip][:, rows], below)
    assert torch.equal(joined, torch.lerp(upper, lower, below))


def test_without_mouths_and_outside_the_crop_nothing_changes(
    crop: torch.Tensor, interior: ShippedInterior
) -> None:
    before = crop.clone()
    blend_whole_mouths(crop, inputs(interior), ())
    far = PlaneView(VIEW.axes, np.array([-900, -900], np.float32))
    outside = replace(inputs(interior), view=far)
    blend_whole_mouths(crop, outside, (lent(plain(SKIN, 90, 120)),))
    assert torch.equal(crop, before)


def opened(fields: WarpFields, gap: float) -> WarpFields:
    """Return ``fields`` with lips that are ``gap`` apart, IOD."""
    return replace(fields, inner_lip_lines=fields.inner_lip_lines + lip_lines(gap).numpy())


def lip_lines(gap: float) -> torch.Tensor:
    return torch.tensor([[-gap / 2], [gap / 2]]).expand(2, LINE_SAMPLES).clone()


def open_mouth(filmed: float, wanted: float, picture: torch.Tensor | None = None) -> WholeMouth:
    """Return a mouth whose lips are ``filmed`` apart and shall be ``wanted`` apart, IOD."""
    mouth = lent(plain(SKIN, 90, 120) if picture is None else picture)
    donor = replace(mouth.donor, inner_lip_lines=lip_lines(filmed))
    return replace(mouth, donor=donor, fields=opened(mouth.fields, wanted))


def test_teeth_of_a_mouth_that_opens_as_filmed_stay_as_sharp_as_filmed(
    crop: torch.Tensor, interior: ShippedInterior
) -> None:
    picture = plain(SKIN, 90, 120)
    picture[0, 30:50:2, 40:80] = 200
    mouth = open_mouth(0.2, 0.2, picture)
    soft = replace(inputs(interior), usual_sharpness=1.0)
    blend_whole_mouths(crop, soft, (mouth,))
    assert float(crop[0, 92:108, 112:128].std()) > 25


def test_the_inside_moves_on_its_own_where_the_gap_between_the_lips_changes() -> None:
    assert inside_share(open_mouth(0.2, 0.2)) == 0
    assert inside_share(open_mouth(0.0, 0.0)) == 0
    wider = [inside_share(open_mouth(0.1, 0.12 * np.exp(k) - 0.02)) for k in WIDER]
    narrower = [inside_share(open_mouth(0.1, 0.12 * np.exp(-k) - 0.02)) for k in NARROWER]
    assert wider + narrower == pytest.approx([0, 1, 0, 1], abs=1e-4)
    between = [inside_share(open_mouth(0.1, gap)) for gap in np.linspace(0.02, 0.2, 600)]
    assert max(np.abs(np.diff(between))) < 0.05
