"""The kinds of files that the tests make with FFmpeg, each of which another test reads exactly."""

from collections import Counter

from tests.media.test_published_sound import CODED, PLAIN
from tests.media.test_video_evidence import AVI_CODECS, OPEN_GOPS
from tests.media.test_video_geometry import INTERLACED, MATRICES, SIZES

KINDS = [
    *(f"sound: {name}, {codec}, {layout}" for name, codec, _, layout, _, _ in CODED),
    *(f"sound: plain wav, {n} channels, {width} bytes, {rate} Hz" for n, width, rate, _ in PLAIN),
    *(f"video: avi with empty packets, {codec}" for codec, _ in AVI_CODECS),
    *(f"video: {name}, {codec}, cut at an open group" for name, codec, _ in OPEN_GOPS),
    *(f"video: {name}, {codec}, interlaced" for name, codec, _, _ in INTERLACED),
    *(f"video: {name}, {codec}, changes size" for name, codec in SIZES),
    *(f"video: display matrix, {name}" for name in MATRICES),
]


def test_at_least_sixty_kinds_of_files_are_made() -> None:
    assert len(KINDS) >= 60
    assert max(Counter(KINDS).values()) == 1
