"""Choose a file's streams."""

from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput


def video_stream(container: InputContainer, path: Path) -> VideoStream:
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


def audio_stream(container: InputContainer, path: Path) -> AudioStream:
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
