"""Segments are complete and tagged, begin with an IDR picture, and are the same every time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from heygem_daemon.config.choices import VideoCodec
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.media.picture import ChangedRegion, ColourTags, Picture
from heygem_daemon.media.probe import probe_video
from heygem_daemon.media.video_codecs import EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter, copy_padded
from heygem_daemon.media.video_reader import VideoReader

Numbered = Callable[..., Picture]
DiskOf = Callable[[int], AbstractContextManager[None]]
BT709_FULL = ColourTags(1, 1, 1, True)


def write(
    path: Path, pictures: list[Picture], colour: ColourTags = BT709_FULL, crf: int = 18
) -> None:
    first = pictures[0]
    with SegmentWriter(
        path, first.width, first.height, Fraction(25), colour, encoder=EncoderSettings(crf=crf)
    ) as writer:
        for picture in pictures:
            writer.write(picture)


def test_pictures_come_back_in_number_and_order(
    tmp_path: Path, numbered: Numbered, number_of: Callable[[Picture], int]
) -> None:
    path = tmp_path / "a.mp4"
    write(path, [numbered(i) for i in range(40)])
    with VideoReader(path) as reader:
        assert [number_of(p) for p in reader.read_range()] == list(range(40))
        np.testing.assert_array_equal(reader.timestamps, np.arange(40) / 25)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("codec", ["h264", "hevc", "prores"])
def test_no_picture_overwrites_one_that_is_still_encoded(
    tmp_path: Path, numbered: Numbered, number_of: Callable[[Picture], int], codec: VideoCodec
) -> None:
    encoder = EncoderSettings(codec)
    path = tmp_path / f"a{encoder.spec.suffix}"
    pictures = [numbered(i) for i in range(40)]
    size = pictures[0].width, pictures[0].height
    with SegmentWriter(path, *size, Fraction(25), BT709_FULL, encoder=encoder) as writer:
        for picture in pictures:
            writer.write(picture)
    with VideoReader(path) as reader:
        assert [number_of(p) for p in reader.read_range()] == list(range(40))


def test_a_segment_begins_with_a_keyframe_and_its_groups_are_closed(
    tmp_path: Path, numbered: Numbered
) -> None:
    path = tmp_path / "a.mp4"
    write(path, [numbered(i) for i in range(200)])
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert packets[0].is_keyframe
    latest = -1
    for packet in packets:
        assert packet.pts is not None
        if packet.is_keyframe:
            # Closed: no picture after a keyframe is shown before it.
            assert packet.pts > latest
            boundary = packet.pts
        assert packet.pts >= boundary
        latest = max(latest, packet.pts)
    assert sum(p.is_keyframe for p in packets) >= 2


@pytest.mark.parametrize(
    "colour", [BT709_FULL, ColourTags(1, 1, 1), ColourTags(9, 9, 16), ColourTags(6, 6, 6)]
)
def test_colour_tags_are_kept(tmp_path: Path, numbered: Numbered, colour: ColourTags) -> None:
    path = tmp_path / "a.mp4"
    write(path, [numbered(0)], colour)
    info = probe_video(path)
    assert (info.hdr.colour if info.hdr else info.colour) == colour


def test_unspecified_tags_stay_unspecified(tmp_path: Path, numbered: Numbered) -> None:
    path = tmp_path / "a.mp4"
    write(path, [numbered(0)], ColourTags())
    assert probe_video(path).colour == ColourTags()


def test_levels_are_kept(tmp_path: Path, numbered: Numbered) -> None:
    path = tmp_path / "a.mp4"
    write(path, [numbered(5)], crf=0)
    with VideoReader(path) as reader:
        np.testing.assert_array_equal(next(reader.read_range()).y, numbered(5).y)


def test_pixel_shape_is_kept(tmp_path: Path, numbered: Numbered) -> None:
    path = tmp_path / "a.mp4"
    aspect = Fraction(16, 15)
    with SegmentWriter(path, 96, 64, Fraction(25), ColourTags(), sample_aspect=aspect) as writer:
        writer.write(numbered(0))
    assert probe_video(path).sample_aspect == aspect


def test_odd_sides_grow_by_a_repeated_edge(tmp_path: Path, numbered: Numbered) -> None:
    path = tmp_path / "a.mp4"
    picture = numbered(3, 97, 65)
    write(path, [picture], crf=0)
    with VideoReader(path) as reader:
        grown = next(reader.read_range())
    assert (grown.width, grown.height) == (98, 66)
    np.testing.assert_array_equal(grown.y[:65, :97], picture.y)
    np.testing.assert_array_equal(grown.y[:, 97], grown.y[:, 96])
    np.testing.assert_array_equal(grown.y[65], grown.y[64])


def test_padding_repeats_the_corner_too() -> None:
    target = np.zeros((3, 3), np.uint8)
    copy_padded(target, np.array([[1, 2], [3, 4]], np.uint8))
    assert target.tolist() == [[1, 2, 2], [3, 4, 4], [3, 4, 4]]


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path, numbered: Numbered) -> None:
    pictures = [numbered(i) for i in range(30)]
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, pictures)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_an_error_leaves_nothing_behind(tmp_path: Path, numbered: Numbered) -> None:
    with (
        pytest.raises(KeyError),
        SegmentWriter(tmp_path / "a.mp4", 96, 64, Fraction(25), ColourTags()) as writer,
    ):
        writer.write(numbered(0))
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_no_fault_of_the_job(tmp_path: Path, disk_of: DiskOf) -> None:
    noise = np.random.default_rng(1)

    def picture(number: int) -> Picture:
        planes = [noise.integers(0, 255, s, np.uint8) for s in ((256, 256), (128, 128))]
        return Picture(number, planes[0], planes[1], planes[1], ColourTags())

    with disk_of(100_000), pytest.raises(SpoolUnavailable, match="cannot be written"):
        write(tmp_path / "a.mp4", [picture(i) for i in range(60)], crf=10)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_no_fault_of_the_job(tmp_path: Path, numbered: Numbered) -> None:
    with pytest.raises(SpoolUnavailable):
        write(tmp_path / "gone" / "a.mp4", [numbered(0)])


def test_a_region_is_encoded_like_a_picture_that_has_it(tmp_path: Path, numbered: Numbered) -> None:
    pictures = [numbered(i) for i in range(8)]
    height, width = pictures[0].y.shape
    assert min(height, width) > 24
    bright = np.full((12, 16), 200, np.uint8)
    region = ChangedRegion(6, 4, bright, bright[::2, ::2] // 2, bright[::2, ::2] // 4)
    write(tmp_path / "whole.mp4", [picture.with_region(region) for picture in pictures])
    kept = pictures[3].y.copy()
    with SegmentWriter(tmp_path / "put.mp4", width, height, Fraction(25), BT709_FULL) as writer:
        for picture in pictures:
            writer.write(picture, region)
    assert (tmp_path / "put.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    np.testing.assert_array_equal(pictures[3].y, kept)


@pytest.mark.parametrize("codec", ["h264", "hevc", "prores"])
def test_the_share_of_the_cores_changes_no_byte(tmp_path: Path, codec: VideoCodec) -> None:
    """What moves far is encoded otherwise by x264 with other threads, and x265 with one."""
    noise = np.random.default_rng(1).integers(0, 255, (256, 256), dtype=np.uint8)
    chroma = np.full((128, 128), 128, dtype=np.uint8)
    pictures = [
        Picture(k, np.roll(noise, (29 * k, 37 * k), (0, 1)), chroma, chroma, BT709_FULL)
        for k in range(12)
    ]
    segments = []
    for cores in (1, 2, 16):
        path = tmp_path / f"{cores}.mov"
        encoder = EncoderSettings(codec=codec, cores=cores)
        with SegmentWriter(path, 256, 256, Fraction(25), BT709_FULL, encoder=encoder) as writer:
            for picture in pictures:
                writer.write(picture)
        segments.append(path.read_bytes())
    assert segments[0] == segments[1] == segments[2]


@pytest.mark.parametrize("preset", ["veryfast", "medium"])
def test_the_same_pictures_give_the_same_bytes_every_time(tmp_path: Path, preset: str) -> None:
    pictures = list(textured_pictures(75, 320, 240))
    found = set()
    for size in range(12):
        kept = np.full(1000 * size + 1, size, np.uint8)  # memory that is not the same each time
        path = tmp_path / "a.mp4"
        with SegmentWriter(
            path, 320, 240, Fraction(25), BT709_FULL, encoder=EncoderSettings(preset=preset)
        ) as writer:
            for picture in pictures:
                writer.write(picture)
        found.add(path.read_bytes())
        del kept
    assert len(found) == 1


def test_a_processor_with_avx512_encodes_without_it() -> None:
    options = EncoderSettings().options(Fraction(25), {"avx2", "avx512f"})
    assert options["x264-params"].endswith(":asm=AVX2,FMA3,BMI2")
    assert "asm" not in EncoderSettings().options(Fraction(25), {"avx2"})["x264-params"]


def textured_pictures(count: int, width: int, height: int) -> Iterator[Picture]:
    """Yield pictures of a texture that moves, with a square that flickers."""
    random = np.random.default_rng(1)
    texture = random.integers(60, 200, (height + count, width + count)).astype(float)
    for axis in (0, 1):
        texture = (texture + np.roll(texture, 1, axis) + np.roll(texture, -1, axis)) / 3
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    for number in range(count):
        y = texture[number // 3 :, number // 2 :][:height, :width].copy()
        y[height // 2 :, width // 2 :][:16, :16] += 40 * np.sin(number)
        y += random.normal(0, 2, y.shape)
        yield Picture(number, y.clip(16, 235).astype(np.uint8), grey, grey, BT709_FULL)
