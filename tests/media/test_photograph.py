"""Photographs and animations, as cameras, browsers and graphics programs write them."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.errors import BadInput, Interrupted, TooLarge
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.image_files import rgb_from_picture
from heygem_daemon.media.image_signature import is_image_file
from heygem_daemon.media.photograph import LONGEST_SIDE, MAX_PIXELS, ImageFile, target_size
from heygem_daemon.media.probe import main
from heygem_daemon.media.still_video import shown_counts, write_still_video
from heygem_daemon.media.video_reader import VideoReader

Rgb = NDArray[np.uint8]
TOP, BOTTOM = (200, 40, 90), (10, 180, 60)
GUARD = MediaGuard(MediaLimits())


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Return a picture whose upper half is red and whose lower half is green."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2], rgb[height // 2 :] = TOP, BOTTOM
    return Image.fromarray(rgb)


def save(image: Image.Image, path: Path, **settings: Any) -> None:
    """Write ``image`` as exactly as the format of ``path`` allows."""
    exact: dict[str, dict[str, Any]] = {
        ".webp": {"lossless": True},
        ".png": {"compress_level": 1},
        ".jpg": {"quality": 98},
        ".jpeg": {"quality": 98},
        ".avif": {"quality": 95},
    }
    image.save(path, **exact.get(path.suffix, {}), **settings)


def read(path: Path) -> Rgb:
    assert is_image_file(path)
    with ImageFile(path, GUARD) as image:
        return image.read()


def assert_shows(rgb: Rgb, top: tuple[int, ...] = TOP, bottom: tuple[int, ...] = BOTTOM) -> None:
    height, width = rgb.shape[:2]
    assert np.abs(rgb[4, width // 2].astype(int) - top).max() <= 4
    assert np.abs(rgb[height - 5, width // 2].astype(int) - bottom).max() <= 4


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif", "a.gif", "a.avif", "photo.of.me.jpeg"]
)
def test_every_format_shows_its_colours(name: str, tmp_path: Path) -> None:
    save(scene(), tmp_path / name)
    rgb = read(tmp_path / name)
    assert rgb.shape == (64, 96, 3)
    assert_shows(rgb)


def test_heic_of_a_telephone(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="the package pillow-heif is missing")
    pillow_heif.from_pillow(scene(640, 480)).save(tmp_path / "a.heic", quality=95)
    assert_shows(read(tmp_path / "a.heic"))


def test_heic_without_a_decoder_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(BadInput, match="a HEIC photograph, for which no decoder") as caught:
        read(path)
    assert "jpg" in caught.value.remedy


def test_a_photograph_without_a_decoder_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The probe accepts it, so that its job tells the reason as soon as it has settled."""
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert main([str(path), "video"]) == 0
    content, told = capsys.readouterr().out.splitlines()
    assert MediaContent.from_json(content.encode()) == MediaContent(picture=True)
    assert "no decoder is installed" in told
    path.write_bytes(b"\0\0\0\x18ftypavif" + bytes(100))
    assert main([str(path), "video"]) == 1  # damaged: it may still be arriving


TURNS: tuple[tuple[int, Callable[[Image.Image], Image.Image]], ...] = (
    (2, lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    (3, lambda image: image.transpose(Image.Transpose.ROTATE_180)),
    (4, lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)),
    (5, lambda image: image.transpose(Image.Transpose.TRANSPOSE)),
    (6, lambda image: image.transpose(Image.Transpose.ROTATE_90)),
    (7, lambda image: image.transpose(Image.Transpose.TRANSVERSE)),
    (8, lambda image: image.transpose(Image.Transpose.ROTATE_270)),
)


@pytest.mark.parametrize(("orientation", "stored"), TURNS)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_a_turned_photograph_is_upright(
    orientation: int, stored: Callable[[Image.Image], Image.Image], name: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = scene()
    upright.paste((255, 255, 255), (0, 0, 24, 24))
    save(stored(upright), tmp_path / name, exif=exif)
    rgb = read(tmp_path / name)
    assert rgb.shape == (64, 96, 3)
    assert_shows(rgb)
    assert rgb[10, 10].min() > 245  # the white corner is at the upper left


def wide_gamut_profile() -> bytes:
    """Return an RGB profile with the primaries of Display P3 and a gamma of 2.2, ICC version 2."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    def pad(data: bytes) -> bytes:
        return data + bytes(-len(data) % 4)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
    text = b"text\0\0\0\0P3\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", 3) + b"P3\0" + bytes(78)
    tags = {
        b"desc": description,
        b"cprt": text,
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.5151, 0.2412, -0.0011),
        b"gXYZ": xyz(0.2920, 0.6922, 0.0419),
        b"bXYZ": xyz(0.1571, 0.0666, 0.7841),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(data), len(content))
        data += pad(content)
    header = struct.pack(
        ">I4sI4s4s4s", offset + len(data), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_a_colour_profile_is_obeyed(name: str, tmp_path: Path) -> None:
    """A telephone's photograph in Display P3 is paler without its profile. The right values are
    those of the primaries' matrices."""
    save(scene(), tmp_path / name, icc_profile=wide_gamut_profile())
    p3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
    srgb = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
    linear = np.linalg.inv(srgb) @ p3 @ ((np.array(TOP) / 255) ** 2.2)
    encoded = np.clip(
        np.where(
            linear > 0.0031308, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055, 12.92 * linear
        ),
        0,
        1,
    )
    expected = tuple(int(value) for value in np.rint(encoded * 255))
    assert abs(expected[0] - TOP[0]) > 8
    rgb = read(tmp_path / name)
    assert np.abs(rgb[4, 48].astype(int) - expected).max() <= 4


def test_a_broken_profile_is_as_none(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.png", icc_profile=b"no profile at all")
    assert_shows(read(tmp_path / "a.png"))


def test_a_profile_for_other_colours_is_as_none(tmp_path: Path) -> None:
    scene().convert("L").save(tmp_path / "a.png", icc_profile=wide_gamut_profile())
    assert read(tmp_path / "a.png").shape == (64, 96, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_of_a_printer(name: str, tmp_path: Path) -> None:
    save(scene().convert("CMYK"), tmp_path / name)
    assert_shows(read(tmp_path / name))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_of_16_bits_is_scaled_not_cut(name: str, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / name)
    rgb = read(tmp_path / name)
    assert np.abs(rgb[10, :, 1].astype(int) - np.linspace(0, 255, 96)).max() <= 1


def test_colours_of_16_bits(tmp_path: Path) -> None:
    """Pillow writes no such file, so the test writes the chunks of a PNG itself."""
    width, height = 96, 64
    rgb = np.asarray(scene(width, height)).astype(">u2") * 257
    rows = b"".join(b"\0" + rgb[row].tobytes() for row in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    path = tmp_path / "a.png"
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert_shows(read(path))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "I;16"])
def test_grey_and_palettes(mode: str, tmp_path: Path) -> None:
    grey = np.zeros((64, 96), np.uint8)
    grey[:32] = 255
    image = Image.fromarray(grey)
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    image.save(tmp_path / "a.png")
    assert_shows(read(tmp_path / "a.png"), (255, 255, 255), (0, 0, 0))


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.gif"])
def test_what_is_transparent_is_white(name: str, tmp_path: Path) -> None:
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 96, 32))
    save(image, tmp_path / name)
    assert_shows(read(tmp_path / name), (255, 255, 255), BOTTOM)


def test_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    Image.new("RGBA", (96, 64), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert_shows(read(tmp_path / "a.png"), (127, 127, 127), (127, 127, 127))


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((4032, 3024), (3324, 2494)),  # telephone
        ((8000, 6000), (3324, 2494)),
        ((12000, 900), (3840, 288)),  # panorama
        ((3840, 2160), (3840, 2160)),
        ((1001, 777), (1001, 777)),
    ],
)
def test_a_large_photograph_is_scaled_to_what_players_show(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert target_size(*size) == shown
    assert max(shown) <= LONGEST_SIDE
    assert shown[0] * shown[1] <= MAX_PIXELS
    assert target_size(*size[::-1]) == shown[::-1]


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_turned_48_megapixel_photograph_is_scaled(name: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = scene(6000, 8000).transpose(Image.Transpose.ROTATE_90)
    save(turned, tmp_path / name, exif=exif)
    rgb = read(tmp_path / name)
    assert rgb.shape == (3324, 2494, 3)
    assert_shows(rgb)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG whose header promises pixels that are not there."""
    data = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + data))
    idat = zlib.compress(bytes(1000))
    rest = (
        struct.pack(">I", len(idat))
        + b"IDAT"
        + idat
        + struct.pack(">I", zlib.crc32(b"IDAT" + idat))
    )
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + data + check + rest


@pytest.mark.parametrize("size", [(12_000, 11_000), (60_000, 60_000), (500_000, 20_000)])
def test_a_bomb_is_refused_from_its_header(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bomb(*size))
    with pytest.raises(TooLarge, match=r"a\.png .* (mega)?(pixels|million)") as refused:
        read(path)
    assert "memory" not in refused.value.reason


def test_an_operators_smaller_limit_scales_further(tmp_path: Path) -> None:
    scene(2000, 1000).save(tmp_path / "a.png")
    with ImageFile(tmp_path / "a.png", MediaGuard(MediaLimits(megapixels=0.5))) as image:
        assert image.read().shape == (500, 1000, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.gif"])
def test_half_a_photograph_is_truncated(name: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, {"jpg": "jpeg", "tif": "tiff"}.get(name[2:], name[2:]))
    path = tmp_path / name
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(BadInput, match=r"a\.\w+ is (damaged or truncated|no image)"):
        read(path)


def test_a_smaller_picture_than_a_face_needs_is_refused(tmp_path: Path) -> None:
    scene(8, 8).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="8x8 pixels"):
        read(tmp_path / "a.png")


def test_pages_and_views_are_not_an_animation(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.tif", save_all=True, append_images=[Image.new("RGB", (96, 64))])
    info = write_still_video(tmp_path / "a.tif", tmp_path / "a.mkv", GUARD)
    assert (info.format, info.pictures) == ("TIFF", 1)
    scene().save(tmp_path / "b.jpg", "MPO", save_all=True, append_images=[scene()], quality=95)
    assert write_still_video(tmp_path / "b.jpg", tmp_path / "b.mkv", GUARD).pictures == 1


def test_a_photograph_is_a_video_of_one_picture(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.png")
    write_still_video(tmp_path / "a.png", tmp_path / "video", GUARD)
    with VideoReader(tmp_path / "video") as reader:
        assert (reader.frame_count, reader.info.fps) == (1, Fraction(25))
        assert (reader.info.colour.primaries, reader.info.colour.transfer) == (1, 13)
        assert_shows(rgb_from_picture(next(reader.read_range())))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation_is_a_video(name: str, tmp_path: Path) -> None:
    levels = (0, 60, 120, 180, 240)
    pictures = [Image.new("RGB", (97, 64), (level,) * 3) for level in levels]
    for number, picture in enumerate(pictures):
        picture.putpixel((number, 0), (255, 0, 0))
    delays = [100, 40, 200, 40, 120]
    save(pictures[0], tmp_path / name, save_all=True, append_images=pictures[1:], duration=delays)
    info = write_still_video(tmp_path / name, tmp_path / "video", GUARD)
    assert info.pictures == 5
    with VideoReader(tmp_path / "video") as reader:
        assert reader.info.fps == 25
        shown = [rgb_from_picture(picture)[32, 48, 1] for picture in reader.read_range()]
    counts = shown_counts([delay / 1000 for delay in delays])[1]
    assert sum(counts) == round(sum(delays) / 40)
    expected = [level for level, count in zip(levels, counts, strict=True) for _ in range(count)]
    assert np.abs(np.array(shown, int) - expected).max() <= 2


def test_no_picture_of_an_animation_is_left_out() -> None:
    assert shown_counts([0.1] * 3) == (Fraction(25), [2, 3, 3])
    assert shown_counts([0.04] * 4) == (Fraction(25), [1, 1, 1, 1])
    rate, counts = shown_counts([0.02] * 6)
    assert (rate, counts) == (Fraction(50), [1] * 6)
    assert sum(shown_counts([1 / 30] * 300)[1]) == 500
    assert min(shown_counts([1 / 30] * 300)[1]) == 1


def test_too_many_pictures_are_refused(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (20, 20), (number, 0, 0)) for number in range(50)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    guard = MediaGuard(MediaLimits(pictures=20))
    with pytest.raises(TooLarge, match="holds 21 pictures"):
        write_still_video(tmp_path / "a.gif", tmp_path / "video", guard)


def test_srgb_profiles_change_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    scene().save(tmp_path / "a.png", icc_profile=profile)
    assert_shows(read(tmp_path / "a.png"))


def endless_gif(path: Path, pictures: int) -> Path:
    """Write a GIF that shows each of its pictures for a tenth of a second."""
    first = io.BytesIO()
    other = Image.new("P", (20, 20), 1)
    Image.new("P", (20, 20)).save(
        first, "GIF", save_all=True, append_images=[other], duration=100, optimize=False
    )
    data = first.getvalue()
    start = data.rindex(b"!\xf9\x04")
    path.write_bytes(data[:start] + data[start:-1] * (pictures - 1) + b";")
    return path


def test_an_animation_without_end_is_examined_in_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = endless_gif(tmp_path / "a.gif", 100_000)
    before = time.process_time()
    assert main([str(path), "video"]) == 0
    assert time.process_time() - before < 5
    assert "GIF, 300 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(MediaLimits(pictures=20), "21 pictures"), (MediaLimits(minutes=0.05), "lasts 0 minutes")],
)
def test_an_animation_is_refused_as_soon_as_it_passes_a_limit(
    limits: MediaLimits, reason: str, tmp_path: Path
) -> None:
    steps: list[None] = []
    guard = MediaGuard(limits, lambda: steps.append(None))
    path = endless_gif(tmp_path / "a.gif", 10_000)
    with pytest.raises(TooLarge, match=reason):
        write_still_video(path, tmp_path / "video", guard)
    assert len(steps) < 40


def test_a_stop_while_an_animation_is_read_is_no_damage(tmp_path: Path) -> None:
    def stop() -> None:
        raise Interrupted

    path = endless_gif(tmp_path / "a.gif", 10)
    with pytest.raises(Interrupted):
        write_still_video(path, tmp_path / "video", MediaGuard(MediaLimits(), stop))
