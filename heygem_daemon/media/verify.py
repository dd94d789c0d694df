"""Verify a finished result by decoding all of it, and share the decoded pictures."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av import VideoFrame
from av.video.stream import VideoStream

from heygem_daemon.counts import counted
from heygem_daemon.errors import BadInput
from heygem_daemon.media.audio_measurement import has_duration, measure_audio
from heygem_daemon.media.decoded_index import decode_frames
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.orientation import Orientation
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.pixel_format import PictureConverter, converter_of
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.source import open_media
from heygem_daemon.media.unseen_groups import UnseenGroups
from heygem_daemon.media.video_codecs import EncoderSettings

REPORT_INTERVAL_PICTURES = 25
"""Pictures between two reports of progress."""


class InvalidResult(Exception):
    """A result is not as specified: a bug of this program, not of the input."""


@dataclass(frozen=True, slots=True)
class ExpectedPictures:
    """What the pictures of a result must be like."""

    encoder: EncoderSettings
    size: tuple[int, int]
    """Width and height in pixels."""
    source_size: tuple[int, int]
    """Width and height that ``ResultVerifier.read_pictures`` brings them to."""


def verify_result(
    path: Path, frames: int, fps: Fraction, duration: Fraction, audio: bool = True
) -> None:
    """Raise InvalidResult unless ``path`` decodes as specified; see ``ResultVerifier``."""
    ResultVerifier(path, frames, fps, duration, duration if audio else None).finish()


class ResultVerifier:
    """Decodes the result ``path`` once and checks all of it.

    A valid result has ``frames`` pictures, picture i shown at i / ``fps``; a length within half a
    frame of ``duration`` seconds; and, with ``sound``, a sound of that many seconds.
    """

    def __init__(
        self,
        path: Path,
        frames: int,
        fps: Fraction,
        duration: Fraction,
        sound: Fraction | None,
        on_pictures: Callable[[int], None] = lambda _count: None,
        guard: MediaGuard = NO_LIMITS,
        pictures: ExpectedPictures | None = None,
    ) -> None:
        """``pictures``: what they must be like; None: anything.
        ``on_pictures`` is called with the number of pictures checked so far, once in
        ``REPORT_INTERVAL_PICTURES``: a long result takes many minutes. ``guard.step`` is called
        for each packet."""
        self._path = path
        self._expected = frames, fps, duration
        self._sound_seconds = sound
        self._on_pictures = on_pictures
        self._guard = guard
        self._pictures = pictures
        self._seen: Sequence[int] = ()
        self._failure: Exception | None = None
        self._frames = self._check_pictures()

    def read_pictures(self, numbers: Sequence[int]) -> Iterator[Picture]:
        """Yield the pictures with these ascending numbers. Can be used once.

        Checks every picture on the way; an error is raised here, and again by ``finish``.
        """
        self._seen = numbers
        converter: PictureConverter | None = None
        for number in numbers:
            frame = next((frame for at, frame in self._frames if at == number), None)
            if frame is None:
                return
            if converter is None:
                size = None if self._pictures is None else self._pictures.source_size
                converter = converter_of(frame, Orientation(), size)
            yield converter.convert(frame, number)

    def finish(self) -> None:
        """Check the rest. Raises InvalidResult where anything in the result is wrong,
        EnvironmentFault where the file cannot be read."""
        deque(self._frames, maxlen=0)
        if self._failure is not None:
            raise self._failure

    def _check_pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield number and frame of every picture; remember what went wrong for ``finish``."""
        try:
            yield from self._decode_pictures()
            self._require_sound()
        except BadInput as error:
            self._failure = InvalidResult(error.reason)
            raise self._failure from error
        except Exception as error:
            self._failure = error
            raise

    def _decode_pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        frames, fps, duration = self._expected
        count = 0
        with open_media(self._path) as container:
            stream = choose_video_stream(container, self._path)
            base = as_fraction(stream.time_base, Fraction(1))
            groups = UnseenGroups(stream, self._seen, self._guard.cores)
            for frame in decode_frames(container, stream, self._guard.step, decode=groups.decode):
                if count == 0:
                    self._require_encoding(stream, frame)
                shown = (frame.pts or 0) * base
                if shown != count / fps:
                    raise InvalidResult(
                        f"picture {count} is shown at {shown} s, not at {count / fps} s"
                    )
                if frame.is_corrupt:
                    # The decoder has made up parts of it, and reports no error.
                    raise InvalidResult(f"picture {count} is damaged")
                yield count, frame
                count += 1
                if count % REPORT_INTERVAL_PICTURES == 0:
                    self._on_pictures(count)
        if count != frames:
            found = counted(count, "1 picture", "{count} pictures")
            raise InvalidResult(f"{found} instead of {frames}")
        length = count / fps
        if abs(length - duration) > Fraction(1, 2) / fps and count > 1:
            raise InvalidResult(
                f"{float(length):.3f} s of picture instead of {float(duration):.3f} s"
            )

    def _require_encoding(self, stream: VideoStream, frame: VideoFrame) -> None:
        if (expected := self._pictures) is None:
            return
        encoder = expected.encoder
        found = (
            stream.codec_context.codec.canonical_name,
            frame.format.name.replace("yuvj", "yuv"),
            (frame.width, frame.height),
        )
        wanted = encoder.codec, encoder.pixel_format, expected.size
        if found != wanted:
            raise InvalidResult(f"pictures of {found} instead of {wanted}")

    def _require_sound(self) -> None:
        if (duration := self._sound_seconds) is None:
            return
        sound = measure_audio(self._path, self._guard)
        if not has_duration(sound, duration):
            raise InvalidResult(
                f"{float(sound.duration):.3f} s of sound instead of {float(duration):.3f} s"
            )
