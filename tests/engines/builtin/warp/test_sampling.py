import pytest
import torch

from heygem_daemon.engines.builtin.warp.sampling import restore_sharpness, sample_picture

SIDE = 96


def places(x: float, y: float) -> torch.Tensor:
    """Return every pixel's centre, moved by (x, y)."""
    at = torch.arange(SIDE) + 0.5
    return torch.stack([(at + x).expand(SIDE, SIDE), (at + y)[:, None].expand(SIDE, SIDE)])


def natural() -> torch.Tensor:
    """Return noise with the spectrum of coded pictures, whose amplitude falls with frequency."""
    torch.manual_seed(0)
    frequency = torch.fft.fftfreq(SIDE)
    radius = (frequency[:, None] ** 2 + frequency[None] ** 2).sqrt().clamp_min(1 / SIDE)
    spectrum = torch.fft.fft2(torch.randn(SIDE, SIDE)) / radius**2.3
    luma = torch.fft.ifft2(spectrum).real
    luma = 128 + 30 * luma / luma.std()
    return torch.stack([luma, luma, luma]).float()


def moves(x: float, y: float) -> torch.Tensor:
    """Return the movement (x, y) of every pixel."""
    return torch.tensor([x, y], dtype=torch.float32)[:, None, None].expand(2, SIDE, SIDE)


def sharpened(luma: torch.Tensor, movement: torch.Tensor) -> torch.Tensor:
    return restore_sharpness(luma[None], movement[None].abs(), slice(0, luma.shape[1]))[0]


def energy(luma: torch.Tensor) -> float:
    """Return the Laplacian energy away from the border."""
    y = luma[4:-4, 4:-4]
    laplacian = y[1:-1, :-2] + y[1:-1, 2:] + y[:-2, 1:-1] + y[2:, 1:-1] - 4 * y[1:-1, 1:-1]
    return float(laplacian.square().mean())


def test_a_pixels_centre_is_read_as_it_is() -> None:
    picture = natural()
    read = sample_picture(picture, places(0, 0))
    assert torch.allclose(read, picture.clamp(0, 255), atol=0.01)
    assert torch.allclose(sharpened(read[:1], moves(0, 0)), read[:1], atol=0.01)
    moved = sample_picture(picture, places(3, -2))
    assert torch.allclose(moved[:, 10:80, 10:80], picture[:, 8:78, 13:83], atol=0.02)


@pytest.mark.parametrize(("x", "y"), [(0.25, 0), (0.25, 0.25), (0.5, 0), (0.4, -0.3)])
def test_luma_keeps_its_sharpness_between_the_pixels(x: float, y: float) -> None:
    picture = natural()
    read = sample_picture(picture, places(x, y))[:1]
    soft, sharp = (
        energy(luma[0]) / energy(picture[0]) for luma in (read, sharpened(read, moves(x, y)))
    )
    assert soft < sharp
    assert 0.93 < sharp < 1.07


def test_no_code_value_leaves_its_range() -> None:
    picture = torch.zeros(3, SIDE, SIDE)
    picture[:, :, SIDE // 2 :] = 255
    read = sharpened(sample_picture(picture, places(0.5, 0.5))[:1], moves(0.5, 0.5))
    assert read.min() >= 0
    assert read.max() <= 255


def test_rows_are_as_sharp_alone_as_together() -> None:
    read = sample_picture(natural(), places(0.3, 0.4))[:1]
    whole = sharpened(read, moves(0.3, 0.4))
    for first, last in ((0, 20), (20, 50), (50, SIDE)):
        near = slice(max(0, first - 1), min(last + 1, SIDE))
        core = slice(first - near.start, last - near.start)
        beside = moves(0.3, 0.4)[None, :, first:last]
        part = restore_sharpness(read[None, :, near], beside, core)[0]
        assert torch.equal(part, whole[:, first:last])
