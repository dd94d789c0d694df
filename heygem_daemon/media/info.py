"""Choose the streams of a media file, and describe them: sizes, rates, colour tags."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av import VideoFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from heygem_daemon.counts import counted
from heygem_daemon.errors import BadInput, NoDecoder
from heygem_daemon.media.deinterlace import is_interlaced
from heygem_daemon.media.frame_rate import output_rate
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.orientation import orientation_of
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.pixel_format import colour_tags_of, hdr_source_of
from heygem_daemon.media.proportion import require_announced_proportion
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT
from heygem_daemon.media.source import announced_seconds, read_packets, require_unprotected
from heygem_daemon.media.tone_map import SDR, HdrSource

SMALLEST_SIDE, LARGEST_SIDE = 16, 8192
"""Pixels."""
LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE, MOST_CHANNELS = 1000, 768_000, 64
"""Sounds outside cannot hold speech, and cost memory to resample."""
PACKETS_TO_TRY = 512
"""Packets in which the first picture must be found."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video stream."""

    width: int
    """Pixels of the upright picture."""
    height: int
    """Pixels of the upright picture."""
    fps: Fraction
    """Rate of the output, 1-120 frames per second; see ``output_rate``."""
    frames: int
    """Number of pictures: exact if it comes from a VideoReader, else from the header or an
    estimate."""
    duration: Fraction
    """Seconds, as the header says; an estimate where it says nothing."""
    codec: str
    """FFmpeg's canonical name, such as 'h264'."""
    pixel_format: str
    """FFmpeg's name, such as 'yuv420p'."""
    colour: ColourTags
    """As tagged in the file, for the encoder; of HDR, those of the SDR pictures that are made of
    it. A Picture has them resolved, for computing."""
    rotation: int = 0
    """Degrees clockwise by which players turn the stored pictures: 0, 90, 180 or 270."""
    turned: int = 0
    """Further degrees clockwise by which they are turned here, so that the face is upright."""
    start: Fraction = Fraction(0)
    """Presentation time of the first picture, in seconds."""
    sample_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    hdr: HdrSource | None = None
    """What is HDR about the file; None: it is SDR."""
    interlaced: bool = False
    """Whether the first picture, or one that was read, consists of two fields; such pictures are
    read deinterlaced."""
    missing_pictures: int = 0
    """Frames, at the rate of the output, for which the time stamps have no picture: the one before
    is held."""
    repeated_pictures: int = 0
    """Pictures that the file says are the one before again; no damage."""
    not_shown_pictures: int = 0
    """Pictures in the file that no player shows, by an edit list or since they precede the first
    one that can be decoded; no damage."""
    read_errors: int = 0
    """Errors while the file was read; what they hid is not part of ``frames``."""
    lost_seconds: Fraction = Fraction(0)
    """What the file lacks, at its end, of the length that its header states."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """An audio stream."""

    codec: str
    """FFmpeg's canonical name, such as 'aac'."""
    sample_rate: int
    """Samples per second and channel."""
    channels: int
    duration: Fraction
    """Seconds, exact: decoded samples over their rate, and what is not there in between."""
    start: Fraction = Fraction(0)
    """Presentation time of the first audible sample, in seconds."""
    layout: str = "stereo"
    """FFmpeg's name; the default one by channel count where the file gives none."""
    voice_channel: int | None = None
    """Index of the channel that is listened to; None: the mean of all."""
    undecodable_seconds: Fraction = Fraction(0)
    """What of ``duration`` cannot be decoded, and is silence."""
    missing_seconds: Fraction = Fraction(0)
    """What of ``duration`` the time stamps leave out, and is silence."""
    read_errors: int = 0
    """Errors while the file was read; what they hid is not part of ``duration``."""
    bad_samples: int = 0
    """Values that are no numbers, and are silence."""
    warnings: tuple[str, ...] = ()
    """Sentences on what is wrong with the sound."""
    aac_losses: tuple[str, ...] = ()
    """Sentences on what the result does not keep of the sound where it is encoded to AAC."""


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """Return the video streams. The cover of an album does not count."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def choose_video_stream(
    container: InputContainer, path: Path, guard: MediaGuard = NO_LIMITS
) -> VideoStream:
    """Return the best video stream; album art does not count.

    Raises BadInput where there is none, TooLarge where its header says that it is too large.
    """
    videos = moving_pictures(container)
    best = container.streams.best("video")
    if not videos:
        kind = "only sound" if container.streams.audio else "no picture"
        raise BadInput(
            f"{path.name} holds no video stream ({kind}).",
            "Use a video file as the picture of the pair.",
        )
    stream = best if isinstance(best, VideoStream) and best in videos else videos[0]
    require_unprotected(container, path)
    require_decoder(stream, path)
    _limit_video(stream, path, guard)
    guard.require_seconds(path, float(announced_seconds(container)))
    require_announced_proportion(container, path, guard)
    return stream


def _limit_video(stream: VideoStream, path: Path, guard: MediaGuard) -> None:
    """Check the header of ``stream``, and let its decoder refuse larger pictures."""
    context = stream.codec_context
    guard.require_picture_size(path, context.width, context.height)
    guard.require_pictures(path, stream.frames, context.width * context.height)
    if guard.limits is not None:
        context.options = {**context.options, "max_pixels": str(guard.limits.pixels)}


def choose_audio_stream(
    container: InputContainer, path: Path, guard: MediaGuard = NO_LIMITS
) -> AudioStream:
    """Return the best audio stream.

    Raises BadInput where there is none or it cannot hold speech, TooLarge where its header says
    that it is too long.
    """
    best = container.streams.best("audio")
    if not isinstance(best, AudioStream):
        raise BadInput(
            f"{path.name} holds no audio stream.",
            "Use a file with sound: wav, mp3, m4a, flac or ogg.",
        )
    require_unprotected(container, path)
    require_decoder(best, path)
    require_sane_sound(best.codec_context.sample_rate, best.codec_context.channels, path)
    guard.require_seconds(path, float(announced_seconds(container)))
    require_announced_proportion(container, path, guard)
    return best


def require_decoder(stream: VideoStream | AudioStream, path: Path) -> None:
    """Raise NoDecoder where this FFmpeg has no decoder for the stream."""
    if stream.codec_context is None:
        raise NoDecoder(
            f"{path.name} is in a format for which there is no decoder.",
            "Convert it to H.264 video or AAC sound.",
        )


def first_frame(
    container: InputContainer, stream: VideoStream, path: Path, guard: MediaGuard = NO_LIMITS
) -> VideoFrame:
    """Decode the first picture of ``stream``. Raises BadInput where there is none."""
    for number, packet in enumerate(read_packets(container, stream)):
        guard.step()
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            frames = []
        for frame in frames:
            if isinstance(frame, VideoFrame):
                require_sane_size(frame.width, frame.height, path)
                guard.require_picture_size(path, frame.width, frame.height)
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
            f"to {LARGEST_SIDE} pixels are supported.",
            "Scale the video, best to 1080p.",
        )


def require_sane_sound(sample_rate: int, channels: int, path: Path) -> None:
    """Raise BadInput for a sound whose rate or channels no recording of speech has."""
    if not LOWEST_SAMPLE_RATE <= sample_rate <= HIGHEST_SAMPLE_RATE or channels > MOST_CHANNELS:
        held = counted(channels, "1 channel", "{count} channels")
        raise BadInput(
            f"The sound of {path.name} has {sample_rate} samples a second in {held}; "
            f"{LOWEST_SAMPLE_RATE} to {HIGHEST_SAMPLE_RATE} in at most {MOST_CHANNELS} are "
            "supported.",
            "Export it as mono or stereo with 44,100 or 48,000 samples a second.",
        )


def describe(stream: VideoStream, frame: VideoFrame) -> VideoInfo:
    """Describe ``stream`` from its header and its first decoded ``frame``."""
    turn = orientation_of(frame)
    aspect = as_fraction(stream.sample_aspect_ratio, Fraction(1))
    width, height = frame.width, frame.height
    if turn.transpose:
        width, height, aspect = height, width, 1 / aspect
    hdr = hdr_source_of(frame)
    fps = output_rate(as_fraction(stream.average_rate or stream.guessed_rate, Fraction(0)))
    duration = _duration(stream, fps)
    return VideoInfo(
        width=width,
        height=height,
        fps=fps,
        frames=stream.frames or max(1, round(duration * fps)),
        duration=duration,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        colour=colour_tags_of(frame) if hdr is None else SDR,
        hdr=hdr,
        rotation=turn.degrees,
        start=(stream.start_time or 0) * _time_base(stream),
        sample_aspect=aspect,
        interlaced=is_interlaced(frame),
    )


def _time_base(stream: VideoStream) -> Fraction:
    return as_fraction(stream.time_base, Fraction(1, 1_000_000))


def _duration(stream: VideoStream, fps: Fraction) -> Fraction:
    if stream.duration and stream.duration > 0:
        return stream.duration * _time_base(stream)
    container = stream.container
    if isinstance(container, InputContainer) and container.duration and container.duration > 0:
        return Fraction(container.duration, 1_000_000)
    return max(1, stream.frames) / fps
