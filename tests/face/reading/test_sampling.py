import numpy as np
import torch

from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.face.reading.sampling import inside_mask, sample_crop
from heygem_daemon.media.colour import yuv_from_rgb
from heygem_daemon.media.picture import ColourTags, Picture

CPU = torch.device("cpu")
TAGS = ColourTags(matrix=1, full_range=True)


def flat(rgb: tuple[int, int, int], height: int = 40, width: int = 60) -> Picture:
    matrix, offset = yuv_from_rgb(TAGS)
    y, u, v = np.rint(matrix @ np.array(rgb) + offset).astype(np.uint8)
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return Picture(
        0,
        np.full((height, width), y, np.uint8),
        np.full(chroma, u, np.uint8),
        np.full(chroma, v, np.uint8),
        TAGS,
    )


def ramp(height: int, width: int) -> Picture:
    """Grey that grows by one code value per pixel to the right."""
    y = np.tile(np.arange(width, dtype=np.uint8), (height, 1))
    grey = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return Picture(0, y, grey, grey.copy(), TAGS)


def test_colours_come_out_as_the_tags_say() -> None:
    rgb = sample_crop([flat((200, 100, 50))], Crop(30, 20, 20), 16, CPU)
    assert rgb.shape == (1, 3, 16, 16)
    expected = torch.tensor([200, 100, 50]) / 255
    assert (rgb[0].mean(dim=(1, 2)) - expected).abs().max() < 2 / 255


def test_a_sample_lies_at_the_pixels_centre() -> None:
    rgb = sample_crop([ramp(64, 200)], Crop(100, 32, 32), 32, CPU)
    np.testing.assert_allclose(rgb[0, 0, 5].numpy() * 255, np.arange(84, 116), atol=1e-2)


def test_a_large_crop_is_averaged_and_keeps_its_place() -> None:
    rgb = sample_crop([ramp(201, 201)], Crop(100, 100, 160), 16, CPU)
    expected = np.arange(16) * 10 + 20 + 4.5
    np.testing.assert_allclose(rgb[0, 0, 8].numpy() * 255, expected, atol=0.05)


def test_a_crop_that_was_read_before_depends_on_the_size_of_its_picture() -> None:
    crop = Crop(20, 20, 40)
    sizes = [(40, 60), (24, 60), (40, 30), (40, 60)]
    read = [sample_crop([ramp(*size)], crop, 16, CPU) for size in sizes]
    # What lies beyond a picture is its border.
    assert read[0][0, 0, 8, -1] > read[2][0, 0, 8, -1]
    assert read[0].equal(read[3])


def test_fine_detail_does_not_alias() -> None:
    y = np.zeros((160, 160), np.uint8)
    y[:, ::2] = 200
    grey = np.full((80, 80), 128, np.uint8)
    rgb = sample_crop([Picture(0, y, grey, grey.copy(), TAGS)], Crop(80, 80, 140), 16, CPU)
    assert (rgb[0, 0] * 255 - 100).abs().max() < 15


def test_a_tilted_crop_is_sampled_along_its_own_axes() -> None:
    upright = sample_crop([ramp(100, 100)], Crop(50, 50, 32), 32, CPU)
    quarter = sample_crop([ramp(100, 100)], Crop(50, 50, 32, np.pi / 2), 32, CPU)
    torch.testing.assert_close(quarter[0, 0], upright[0, 0].T.flip(0), atol=1e-3, rtol=0)


def test_beyond_the_picture_its_border_is_repeated() -> None:
    picture = flat((120, 120, 120), height=41, width=61)
    rgb = sample_crop([picture], Crop(-200, 300, 50), 16, CPU)
    assert (rgb * 255 - 120).abs().max() < 2


def test_pictures_of_a_batch_do_not_mix() -> None:
    dark, light = flat((10, 10, 10)), flat((240, 240, 240))
    rgb = sample_crop([dark, light], Crop(30, 20, 60), 16, CPU)
    assert rgb[0].max() < 0.1
    assert rgb[1].min() > 0.9


def test_the_inside_mask_covers_the_picture_only() -> None:
    within = inside_mask(Crop(20, 10, 40), 40, width=40, height=20)
    assert within[10:30].all()
    assert not within[:10].any()
    assert not within[30:].any()
