"""A result as it is joined and marked, and the programs of others that read it back."""

import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.media.audio_track import TrackOptions
from heygem_daemon.media.marking.mark import mark_video
from heygem_daemon.media.marking.record import AigcRecord, video_tags
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.video_encoder import SegmentWriter

RECORD = AigcRecord(producer="Example Médien & 公司", produce_id="0123-job")


@pytest.fixture(params=[".mp4", ".mov"])
def joined(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    numbered: Callable[..., Picture],
    make_sound: Callable[..., Path],
) -> Path:
    """A joined result of one second, with the tags of ``RECORD`` and no checksum yet."""
    segment = tmp_path / "segment.mp4"
    with SegmentWriter(segment, 96, 64, Fraction(25), ColourTags(1, 1, 1)) as writer:
        for number in range(25):
            writer.write(numbered(number))
    path = tmp_path / f"result{request.param}"
    track = TrackOptions(tags=video_tags(RECORD))
    mux_segments([segment], make_sound("a.wav"), path, Fraction(25), 25, Fraction(1), track=track)
    return path


@pytest.fixture
def marked(joined: Path) -> Path:
    """The same result with all its marks."""
    mark_video(joined, RECORD)
    return joined


def run_program(name: str, *arguments: object) -> str:
    """Return what another program prints; the test is skipped where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"needs the program {name}")
    command = [name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def exiftool(path: Path) -> dict[str, Any]:
    """Return the tags that exiftool finds, by group and name."""
    tags: dict[str, Any] = json.loads(run_program("exiftool", "-json", "-G1", path))[0]
    return tags


def ffprobe_tags(path: Path) -> dict[str, str]:
    """Return the tags of the container that ffprobe finds."""
    text = run_program("ffprobe", "-v", "error", "-show_format", "-of", "json", path)
    tags: dict[str, str] = json.loads(text)["format"]["tags"]
    return tags


def copy(path: Path, target: Path, *options: str) -> Path:
    """Copy the streams into another file with FFmpeg, as users do."""
    run_program(
        "ffmpeg", "-v", "error", "-y", "-i", path, "-map", "0", "-c", "copy", *options, target
    )
    return target
