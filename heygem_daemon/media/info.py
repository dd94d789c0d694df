"""Choose a file's streams.

What is known of a file's streams: sizes, rates, tags.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av import VideoFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.pixel_format import colour_tags_of, orientation_of
from heygem_daemon.media.source import REPLACE_FILE_HINT, read_packets


def choose_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The best video stream; album art is none. Raises BadInput."""
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    if not moving:
        kind = "only sound" if container.streams.audio else "no picture"
        raise BadInput(
            f"{path.name} holds no video stream ({kind}).",
            "Use a video file as the picture of the pair.",
        )
    stream = best if isinstance(best, VideoStream) and best in moving else moving[0]
    require_decoder(stream, path)
    return stream


def choose_audio_stream(container: InputContainer, path: Path) -> AudioStream:
    """The best audio stream. Raises BadInput."""
    best = container.streams.best("audio")
    if not isinstance(best, AudioStream):
        raise BadInput(
            f"{path.name} holds no audio stream.",
            "Use a file with sound: wav, mp3, m4a, flac or ogg.",
        )
    require_decoder(best, path)
    return best


def require_decoder(stream: VideoStream | AudioStream, path: Path) -> None:
    """Raise BadInput where this FFmpeg has no decoder for the stream."""
    if stream.codec_context is None:
        raise BadInput(
            f"{path.name} is in a format for which there is no decoder.",
            "Convert it to H.264 video or AAC sound.",
        )


SMALLEST_SIDE = 16
LARGEST_SIDE = 8192
PACKETS_TO_TRY = 512
"""A first picture must come out of so many packets."""
MIN_FPS, MAX_FPS, DEFAULT_FPS = Fraction(1), Fraction(120), Fraction(25)
STANDARD_RATES = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)) + tuple(
    Fraction(n) for n in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120)
)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video stream. ``width`` and ``height`` are those of the upright picture.

    ``fps`` is the output's rate, 1-120. ``frames`` is exact when it comes from a VideoReader, else
    the container's word or an estimate. ``duration`` and ``start`` are in seconds. ``colour`` is
    as tagged in the file (for the encoder); pictures carry it resolved (for computing).
    ``rotation`` is in degrees clockwise. ``sample_aspect`` is the width of a pixel over its height.
    """

    width: int
    height: int
    fps: Fraction
    frames: int
    duration: Fraction
    codec: str
    pixel_format: str
    colour: ColourTags
    rotation: int = 0
    start: Fraction = Fraction(0)
    sample_aspect: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """An audio stream. ``duration`` in seconds is exact: decoded samples over their rate."""

    codec: str
    sample_rate: int
    channels: int
    duration: Fraction


def first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    """Decode the first picture there is. Raises BadInput."""
    for number, packet in enumerate(read_packets(container, stream)):
        try:
            frames = packet.decode()
        except FFmpegError:
            frames = []
        for frame in frames:
            if isinstance(frame, VideoFrame):
                require_sane_size(frame.width, frame.height, path)
                return frame
        if number == PACKETS_TO_TRY:
            break
    raise BadInput(
        f"No picture of {path.name} can be decoded ({stream.codec_context.name}): "
        "the file is damaged or truncated.",
        REPLACE_FILE_HINT,
    )


def require_sane_size(width: int, height: int, path: Path) -> None:
    """Raise BadInput for pictures too small to show a face or too large to process."""
    if min(width, height) < SMALLEST_SIDE or max(width, height) > LARGEST_SIDE:
        raise BadInput(
            f"The pictures of {path.name} are {width}x{height} pixels; sides of {SMALLEST_SIDE} "
            f"to {LARGEST_SIDE} pixels can be worked on.",
            "Scale the video, best to 1080p.",
        )


def describe(stream: VideoStream, frame: VideoFrame) -> VideoInfo:
    """The header's word on ``stream``, and what its first decoded ``frame`` shows."""
    turn = orientation_of(frame)
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    width, height = frame.width, frame.height
    if turn.transpose:
        width, height, aspect = height, width, 1 / aspect
    fps = output_rate(stream.average_rate or stream.guessed_rate)
    duration = _duration(stream, fps)
    return VideoInfo(
        width=width,
        height=height,
        fps=fps,
        frames=stream.frames or max(1, round(duration * fps)),
        duration=duration,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        colour=colour_tags_of(frame),
        rotation=turn.degrees,
        start=(stream.start_time or 0) * _time_base(stream),
        sample_aspect=aspect,
    )


def output_rate(rate: Fraction | None) -> Fraction:
    """The rate to publish at for a stream's average ``rate`` (None or 0: unknown).

    A rate within 0.01 % of a standard one is that one (containers round durations). Above 120
    it is halved until at most 60; below 1, or unknown, pictures are shown by time at 25.
    """
    if not rate or rate < MIN_FPS:
        return DEFAULT_FPS
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 10_000:
        return nearest
    if rate > MAX_FPS:
        while rate > 60:
            rate /= 2
    return rate.limit_denominator(1001)


def _time_base(stream: VideoStream) -> Fraction:
    return stream.time_base or Fraction(1, 1_000_000)


def _duration(stream: VideoStream, fps: Fraction) -> Fraction:
    if stream.duration:
        return stream.duration * _time_base(stream)
    container = stream.container
    if isinstance(container, InputContainer) and container.duration:
        return Fraction(container.duration, 1_000_000)
    return max(1, stream.frames) / fps
