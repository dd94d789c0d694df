"""Probe a media file: what it is, and whether it is complete.

Also a program, so that a file that hangs or crashes the decoder does not harm the daemon; the
daemon starts ``media.first_look``, which does the same.
"""

import sys
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer

from heygem_daemon.config.media_content import MAX_SECONDS, MediaContent
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.errors import BadInput, EnvironmentFault, NoDecoder, TooLarge
from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.channel_layout import resolve_layout
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard, refuse_out_of_memory
from heygem_daemon.media.image_signature import is_image_file
from heygem_daemon.media.info import (
    AudioInfo,
    VideoInfo,
    choose_video_stream,
    describe,
    first_frame,
    moving_pictures,
)
from heygem_daemon.media.probe_order import USAGE, ProbeOrder
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT
from heygem_daemon.media.sound_warnings import aac_losses, sound_warnings
from heygem_daemon.media.source import announced_seconds, open_media
from heygem_daemon.media.video_reader import VideoReader

PICTURES_TO_READ, PIXELS_TO_READ = 300, 300_000_000
"""How much of an animation is decoded to examine it: seconds of work."""

__all__ = ["AudioInfo", "VideoInfo", "probe_audio", "probe_video", "require_both_ends"]


def probe_video(path: Path, guard: MediaGuard = NO_LIMITS) -> VideoInfo:
    """Read the header and decode the first picture of the best video stream.

    Raises BadInput, TooLarge or EnvironmentFault.
    """
    with refuse_out_of_memory(path), open_media(path) as container:
        stream = choose_video_stream(container, path, guard)
        return describe(stream, first_frame(container, stream, path, guard))


def probe_audio(path: Path, guard: MediaGuard = NO_LIMITS) -> AudioInfo:
    """Decode the best audio stream from end to end.

    Raises BadInput, TooLarge or EnvironmentFault.
    """
    with refuse_out_of_memory(path):
        sound = measure_audio(path, guard)
    return AudioInfo(
        codec=sound.codec,
        sample_rate=sound.sample_rate,
        channels=sound.channels,
        duration=sound.duration,
        start=sound.start,
        layout=resolve_layout(sound.layout, sound.channels),
        voice_channel=sound.voice_channel,
        undecodable_seconds=sound.lost_seconds,
        missing_seconds=sound.missing_seconds,
        read_errors=sound.read_errors,
        bad_samples=sound.bad_samples,
        warnings=sound_warnings(sound),
        aac_losses=aac_losses(sound),
    )


def require_both_ends(path: Path, guard: MediaGuard = NO_LIMITS) -> VideoInfo:
    """Read a video's index and decode its first and its last picture.

    The size of a file does not tell whether it is complete: a copy may have its full size before
    its end has arrived. Raises BadInput, TooLarge or EnvironmentFault.
    """
    with VideoReader(path, guard=guard) as reader:
        for _ in reader.read_indices([0, reader.frame_count - 1]):
            pass
        if reader.damaged_count:
            raise BadInput(f"The last picture of {path.name} cannot be decoded.", REPLACE_FILE_HINT)
        return reader.info


def main(arguments: list[str]) -> int:
    """Check whether a file is complete. ``arguments``: its path, and 'audio' or 'video', after
    '--limits' and the JSON of ``MediaLimits`` where there are limits.

    ``--confine`` before them: this process first gives up, as far as the kernel can enforce it, to
    read any other file and to write or connect anywhere.

    Prints what the file holds, as ``MediaContent`` in JSON, and a line for people.
    Returns 0 if the file is complete as far as its index and its two ends show,
    or is beyond the limits, or has no decoder here: then waiting does not help, and its job is
    refused with the reason.
    Returns 1 if it is not complete, 2 for wrong usage.
    """
    order = ProbeOrder.parse(arguments)
    if order is None:
        sys.stdout.write(f"usage: python -m heygem_daemon.media.probe {USAGE}")
        return 2
    order.prepare()
    return examine(order)


def examine(order: ProbeOrder) -> int:
    """Examine a file, in a process that is prepared for it. Prints and returns what ``main``
    does."""
    limits, path = order.limits, order.path
    guard = MediaGuard(MediaLimits.from_json(limits)) if limits else NO_LIMITS
    try:
        content = read_content(path)
        sys.stdout.write(f"{content.to_json()}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{_examine(path, content, order.kind, guard)}\n")
    except (TooLarge, NoDecoder) as error:
        sys.stdout.write(f"{error}\n")
        return 0
    except (BadInput, EnvironmentFault) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def read_content(path: Path) -> MediaContent:
    """Return what the headers of ``path`` promise; the default where they cannot be read.

    Raises TooLarge where reading them takes too much memory, or EnvironmentFault.
    """
    if is_image_file(path):
        return MediaContent(picture=True)
    try:
        with refuse_out_of_memory(path), open_media(path) as container:
            pictures = any(map(_promises_pictures, moving_pictures(container)))
            return MediaContent(bool(container.streams.audio), pictures, _seconds(container))
    except TooLarge:
        raise
    except BadInput:
        return MediaContent()


def _seconds(container: InputContainer) -> float:
    """Return how long a file probably is: of some formats only its size tells."""
    seconds = float(announced_seconds(container)) or (container.duration or 0) / 1e6
    return round(min(max(0.0, seconds), MAX_SECONDS), 3)


def _promises_pictures(stream: av.VideoStream) -> bool:
    """Return whether a stream can be one of pictures: a damaged file of another kind can look like
    raw video, but the pictures have no size then. Without a decoder the size is not known."""
    return stream.codec_context is None or stream.width > 0


def _examine(path: Path, content: MediaContent, kind: str, guard: MediaGuard) -> str:
    """Return what a complete file is, as a line for people. Raises as the probes do.

    The name only decides for a file that holds both: with sound alone, a video is a sound.
    """
    if is_image_file(path):
        from heygem_daemon.media.photograph import (  # noqa: PLC0415 - loads Pillow, for images alone
            ImageFile,
        )

        with ImageFile(path, guard) as image:
            pixels = image.info.width * image.info.height
            most = min(PICTURES_TO_READ, max(1, PIXELS_TO_READ // pixels))
            pictures = sum(1 for _ in islice(image.read_animation(), most))
        return f"{image.info.format}, {pictures} picture{'s' if pictures > 1 else ''}"
    as_video = kind == "video" if content.sound == content.picture else content.picture
    info = require_both_ends(path, guard) if as_video else probe_audio(path, guard)
    return f"{info.codec}, {float(info.duration):.2f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
