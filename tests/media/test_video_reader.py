"""Pictures are read by index: after any seek, in any order, over damage, in bounded memory."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.container import InputContainer
from av.video.stream import VideoStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.media import source
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.timeline import looped_indices
from heygem_daemon.media.video_decoder import VideoDecoder
from heygem_daemon.media.video_reader import VideoReader, decode_batch
from tests.media.test_source import LostShare

MakeFile = Callable[..., Path]
NumberOf = Callable[[Picture], int]

FORMATS = [
    ("a.mp4", "libx264", {"g": "12"}),
    ("a.mkv", "libx264", {"x264-params": "keyint=12:open-gop=1:bframes=4:scenecut=0"}),
    ("a.avi", "libx264", {"g": "12"}),
    ("a.ts", "libx264", {"g": "12"}),
    ("a.h264", "libx264", {"g": "12"}),
    ("a.mp4", "libx265", {"x265-params": "keyint=12:log-level=0"}),
    ("a.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "12", "g": "20"}),
    ("a.webm", "libvpx-vp9", {"g": "20", "deadline": "realtime", "cpu-used": "8"}),
    ("a.avi", "mpeg4", {"bf": "2", "g": "12"}),
    ("a.mpg", "mpeg2video", {"bf": "2", "g": "12"}),
    ("a.mov", "mjpeg", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "codec", "options"), FORMATS)
def test_every_picture_has_its_index_in_every_format(
    make_video: MakeFile, number_of: NumberOf, name: str, codec: str, options: dict[str, str]
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = make_video(name, 50, codec, options=options, pix_fmt=pix_fmt)
    with VideoReader(path) as reader:
        assert reader.frame_count == reader.info.frames == 50
        assert [number_of(p) for p in reader.read_range()] == list(range(50))
        for start, stop in ((49, 50), (0, 2), (23, 27), (12, 13), (36, 50)):
            pictures = list(reader.read_range(start, stop))
            assert [p.index for p in pictures] == list(range(start, stop))
            assert [number_of(p) for p in pictures] == list(range(start, stop))
        back = list(range(49, -1, -1))
        assert [number_of(p) for p in reader.read_indices(back)] == back
        assert reader.damaged_count == 0


@pytest.mark.slow
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(indices=st.lists(st.integers(0, 39), max_size=60), block=st.integers(1, 9))
def test_pictures_come_in_the_order_of_the_indices(
    tmp_path: Path,
    make_video: MakeFile,
    number_of: NumberOf,
    monkeypatch: pytest.MonkeyPatch,
    indices: list[int],
    block: int,
) -> None:
    path = tmp_path / "clip.mp4"
    if not path.exists():
        make_video("clip.mp4", 40, options={"g": "10"})
    monkeypatch.setattr("heygem_daemon.media.video_reader.SPILL_BYTES", 96 * 64 * 3 // 2 * block)
    with VideoReader(path) as reader:
        pictures = list(reader.read_indices(indices))
    assert [p.index for p in pictures] == indices
    assert [number_of(p) for p in pictures] == indices


def test_repeats_are_one_picture(make_video: MakeFile) -> None:
    with VideoReader(make_video("a.mp4", 5)) as reader:
        first, second = reader.read_indices([3, 3])
    assert first is second


def test_a_descending_run_is_held_in_blocks() -> None:
    back = [9, 8, 8, 7, 5, 4, 6]
    assert decode_batch(back, 0, 3) == [7, 8, 9]
    assert decode_batch(back, 4, 3) == [4, 5]
    assert decode_batch(back, 6, 3) == [6]
    assert decode_batch(range(100), 5, 50) == [5]


@pytest.mark.slow
def test_chunks_see_the_same_pictures_as_one_pass(make_video: MakeFile) -> None:
    with VideoReader(make_video("a.mp4", 30, options={"g": "8"})) as reader:
        sources = looped_indices(100, 30, "pingpong").tolist()
        whole = [p.y for p in reader.read_indices(sources)]
        parts = [
            p.y for at in range(0, 100, 17) for p in reader.read_indices(sources[at : at + 17])
        ]
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_two_readings_may_run_at_once(make_video: MakeFile, number_of: NumberOf) -> None:
    with VideoReader(make_video("a.mp4", 20)) as reader:
        pairs = zip(reader.read_range(), reader.read_range(5), strict=False)
        assert [(number_of(a), number_of(b)) for a, b in pairs] == [(i, i + 5) for i in range(15)]


def test_one_picture_is_a_video(make_video: MakeFile, number_of: NumberOf) -> None:
    with VideoReader(make_video("a.mp4", 1)) as reader:
        assert reader.frame_count == 1
        assert reader.info.fps == 25
        assert [number_of(p) for p in reader.read_indices([0, 0, 0])] == [0, 0, 0]
        assert reader.timestamps.tolist() == [0.0]


def test_variable_rate_is_read_by_index_and_found_by_time(
    make_video: MakeFile, number_of: NumberOf
) -> None:
    times = [0, 40, 80, 400, 440, 1000]
    with VideoReader(make_video("a.mkv", 6, times=times)) as reader:
        assert [number_of(p) for p in reader.read_range()] == list(range(6))
        np.testing.assert_allclose(reader.timestamps, np.array(times) / 1000, atol=1e-9)
        found = [reader.index_at(Fraction(t, 1000)) for t in (0, 39, 40, 399, 400, 999, 5000)]
    assert found == [0, 0, 1, 2, 3, 4, 5]


def test_rule_20_a_spoiled_picture_is_its_neighbour_and_the_others_keep_their_index(
    make_video: MakeFile, number_of: NumberOf, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_video("a.mov", 60, "mjpeg", pix_fmt="yuvj420p")
    with VideoReader(spoil(source, tmp_path / "b.mov", {20, 21})) as reader:
        shown = [number_of(p) for p in reader.read_range()]
        assert shown == [19 if i in (20, 21) else i for i in range(60)]
        assert reader.damaged_count == 2
        # From any starting point, forwards and backwards, it is the same neighbour.
        assert [number_of(p) for p in reader.read_range(21, 23)] == [19, 22]
        assert [number_of(p) for p in reader.read_indices([22, 21, 20])] == [22, 19, 19]
        assert reader.damaged_count == 2


def test_a_spoiled_beginning_is_the_first_good_picture(
    make_video: MakeFile, number_of: NumberOf, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_video("a.mov", 60, "mjpeg", pix_fmt="yuvj420p")
    with VideoReader(spoil(source, tmp_path / "b.mov", {0})) as reader:
        assert [number_of(p) for p in reader.read_range(0, 3)] == [1, 1, 2]


def test_rule_20_too_much_damage_is_refused_with_figures(
    make_video: MakeFile, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_video("a.mov", 60, "mjpeg", pix_fmt="yuvj420p")
    reader = VideoReader(spoil(source, tmp_path / "b.mov", set(range(30, 40))))
    with pytest.raises(BadInput, match="at least 4 of its 60 pictures"):
        list(reader.read_range())


def test_nothing_but_damage_is_refused(
    make_video: MakeFile, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_video("a.mov", 20, "mjpeg", pix_fmt="yuvj420p")
    with pytest.raises(BadInput, match="No picture"):
        VideoReader(spoil(source, tmp_path / "b.mov", set(range(20))))


def test_a_truncated_file_is_refused_with_figures(make_video: MakeFile) -> None:
    front = make_video("a.mp4", 50, options={"movflags": "+faststart"}, pix_fmt="yuv420p")
    content = front.read_bytes()
    for name, share in (("a.mp4", 0.6), ("a.mkv", 0.5)):
        path = make_video(name, 50) if name.endswith("mkv") else front
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(BadInput, match=r"truncated|moov"):
            VideoReader(path)


@pytest.mark.slow
def test_clips_beside_the_checkout_read_to_their_end(shared_media: Path) -> None:
    clips = [*shared_media.glob("hard/*"), *shared_media.glob("*.mpg")]
    for clip in [*clips, shared_media / "address_512.mp4", shared_media / "speech_844.mp4"]:
        with VideoReader(clip) as reader:
            last = list(reader.read_range(reader.frame_count - 3))
            middle = next(reader.read_range(reader.frame_count // 2))
            again = list(
                reader.read_indices(
                    range(reader.frame_count // 2 + 4, reader.frame_count // 2 - 1, -1)
                )
            )
        assert [p.index for p in last] == [reader.frame_count - 3 + i for i in range(3)]
        assert reader.damaged_count == 0
        np.testing.assert_array_equal(again[-1].y, middle.y)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_a_share_that_is_lost_while_seeking_is_no_damage(
    make_video: MakeFile, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # More than FFmpeg has read ahead.
    path = make_video(name, 2000, options={"g": "12"})
    reader, opened = VideoReader(path), VideoDecoder._open

    def lose(self: VideoDecoder) -> tuple[InputContainer, VideoStream]:
        container = opened(self)
        files[-1].is_lost = True
        return container

    def open_lost(file: Path) -> LostShare:
        files.append(LostShare(file))
        return files[-1]

    files: list[LostShare] = []
    monkeypatch.setattr(source, "open_regular", open_lost)
    with pytest.raises(EnvironmentFault, match="ESTALE"):
        for picture in reader.read_indices([0, 1900]):
            assert picture.index == 0
            monkeypatch.setattr(VideoDecoder, "_open", lose)
