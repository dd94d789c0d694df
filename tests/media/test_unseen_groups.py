"""What nobody looks at is decoded with less work, and each damage is found all the same."""

from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame

from heygem_daemon.config.choices import VideoCodec
from heygem_daemon.media.decoded_index import decode_frames
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.pixel_format import unpadded_plane
from heygem_daemon.media.source import open_media
from heygem_daemon.media.unseen_groups import UnseenGroups, groups_without
from heygem_daemon.media.verify import InvalidResult, ResultVerifier
from heygem_daemon.media.video_codecs import KEYFRAME_SECONDS, EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter

WIDTH, HEIGHT = 96, 64
FPS = Fraction(5)
GROUP = KEYFRAME_SECONDS * 5
FRAMES = 4 * GROUP
DAMAGES = 30
VALID = "valid"
CODECS: Sequence[VideoCodec] = ("h264", "hevc")


@pytest.fixture(scope="module", params=CODECS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four groups of a picture that moves over noise."""
    return write_video(tmp_path_factory.mktemp("groups") / "a.mp4", request.param)


def write_video(path: Path, codec: VideoCodec) -> Path:
    noise = np.random.default_rng(1).integers(60, 190, (HEIGHT, WIDTH + FRAMES), dtype=np.uint8)
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    encoder = EncoderSettings(codec, crf=30)
    with SegmentWriter(path, WIDTH, HEIGHT, FPS, ColourTags(), encoder=encoder) as writer:
        for number in range(FRAMES):
            luma = noise[:, number : number + WIDTH]
            writer.write(Picture(number, luma, grey, grey, ColourTags()))
    return path


def decode(path: Path, seen: Collection[int]) -> tuple[list[VideoFrame], int]:
    """Return the pictures, and how many packets could not be decoded."""
    errors: list[None] = []
    with open_media(path) as container:
        stream = choose_video_stream(container, path)
        groups = UnseenGroups(stream, seen, 0)
        frames = decode_frames(
            container, stream, on_error=lambda: errors.append(None), decode=groups.decode
        )
        return list(frames), len(errors)


def differences(path: Path, seen: Collection[int]) -> list[bool]:
    """Return for each picture whether its luma is another one than with the filter."""
    pairs = zip(decode(path, range(FRAMES))[0], decode(path, seen)[0], strict=True)
    return [bool((unpadded_plane(a, 0) != unpadded_plane(b, 0)).any()) for a, b in pairs]


@pytest.mark.parametrize("seen", [[GROUP], [2 * GROUP - 1], [GROUP + 3, GROUP + 9]])
def test_only_groups_that_nobody_looks_at_are_left_unfiltered(video: Path, seen: list[int]) -> None:
    differ = np.reshape(differences(video, seen), (4, GROUP)).any(axis=1)
    assert differ.tolist() == [True, False, True, True]


def test_all_pictures_come_in_order_whatever_is_seen(video: Path) -> None:
    choices: list[Collection[int]] = [range(FRAMES), [], [3, 2 * GROUP], range(GROUP, FRAMES)]
    for seen in choices:
        frames, errors = decode(video, seen)
        assert [frame.pts for frame in frames] == sorted({frame.pts or 0 for frame in frames})
        assert (len(frames), errors) == (FRAMES, 0)


@pytest.mark.slow
def test_damage_is_found_with_and_without_the_filter(video: Path, tmp_path: Path) -> None:
    verdicts = set()
    for seed in range(DAMAGES):
        broken = damaged(video, tmp_path / "broken.mp4", seed)
        with_filter, without = decode(broken, range(FRAMES)), decode(broken, [])
        assert [each.pts for each in without[0]] == [each.pts for each in with_filter[0]]
        assert [each.is_corrupt for each in without[0]] == [
            each.is_corrupt for each in with_filter[0]
        ]
        assert without[1] == with_filter[1]
        found = verdict(broken, range(FRAMES))
        assert verdict(broken, []) == found
        verdicts.add(found)
        # A decoder that begins here cannot make up for a lost picture with one of an earlier group.
        some = decode(broken, range(GROUP, 2 * GROUP))
        assert len(some[0]) <= len(with_filter[0])
        assert some[1] >= with_filter[1]
        assert found == VALID or verdict(broken, range(GROUP, 2 * GROUP)) != VALID
    assert VALID in verdicts
    assert len(verdicts) > 2


@pytest.mark.slow
def test_pictures_that_the_decoder_has_made_up_in_parts_are_found(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", "h264")
    broken = [damaged(video, tmp_path / f"{seed}.mp4", seed) for seed in range(DAMAGES)]
    whole = [path for path in broken if len(decode(path, [])[0]) == FRAMES]
    found = [verdict(path, []) for path in whole]
    assert sum(each.endswith("is damaged") for each in found) > len(whole) / 2


def damaged(video: Path, target: Path, seed: int) -> Path:
    """Overwrite some bytes of the pictures, with zeros or at random."""
    random = np.random.default_rng(seed)
    data = bytearray(video.read_bytes())
    first = data.index(b"mdat") + 4
    last = first + int.from_bytes(data[first - 8 : first - 4]) - 8
    length = int(random.integers(1, 300))
    place = int(random.integers(first, last - length))
    data[place : place + length] = random.bytes(length) if seed % 3 else bytes(length)
    target.write_bytes(data)
    return target


def verdict(path: Path, seen: Sequence[int]) -> str:
    """Return what a verifier says of the pictures that are seen and of the rest."""
    duration = FRAMES / FPS
    verifier = ResultVerifier(path, FRAMES, FPS, duration, None)
    try:
        for _ in verifier.read_pictures(seen):
            pass
        verifier.finish()
    except InvalidResult as error:
        return str(error)
    return VALID


def test_groups_are_found_by_their_first_pictures() -> None:
    assert groups_without([], [0, 10, 20]) == {0, 1, 2}
    assert groups_without([0, 9, 20], [0, 10, 20]) == {1}
    assert groups_without([35], [0, 10, 20]) == {0, 1}
    assert groups_without([3], []) == frozenset()
