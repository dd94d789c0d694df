"""Check a finished result by decoding all of it; who wants to see it may look on."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from av import VideoFrame

from heygem_daemon.errors import BadInput
from heygem_daemon.media.audio_decoder import has_duration, measure_audio
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.pixel_format import Orientation, PictureConverter, colour_tags_of
from heygem_daemon.media.source import open_media
from heygem_daemon.media.video_index import decode_frames

REPORT_INTERVAL_PICTURES = 25
"""Pictures."""


class InvalidResult(Exception):
    """A result is not what it must be: a bug of this program, not of the input."""


def verify_result(
    path: Path, frames: int, fps: Fraction, duration: Fraction, audio: bool = True
) -> None:
    """Raise ResultWrong unless ``path`` decodes to what was ordered: see ``Verification``."""
    ResultVerifier(path, frames, fps, duration, audio).finish()


class ResultVerifier:
    """One decoding of the result ``path``, in which all of it is checked.

    Right are ``frames`` pictures, picture i shown at i / ``fps``; a length within half a frame of
    ``duration`` seconds; and, with ``audio``, a sound of that length.
    """

    def __init__(
        self,
        path: Path,
        frames: int,
        fps: Fraction,
        duration: Fraction,
        audio: bool = True,
        on_pictures: Callable[[int], None] = lambda _count: None,
    ) -> None:
        """``on_pictures`` is told now and then how many pictures are checked: those of a long
        result take many minutes."""
        self._path = path
        self._expected = frames, fps, duration, audio
        self._on_pictures = on_pictures
        self._failure: Exception | None = None
        self._frames = self._check_pictures()

    def read_pictures(self, numbers: Sequence[int]) -> Iterator[Picture]:
        """The pictures with these numbers, which ascend, once. What is found wrong on the way is
        raised here, and again by ``finish``."""
        maker: PictureConverter | None = None
        for number in numbers:
            frame = next((frame for at, frame in self._frames if at == number), None)
            if frame is None:
                return
            if maker is None:
                maker = PictureConverter(
                    frame.width, frame.height, Orientation(), colour_tags_of(frame)
                )
            yield maker.convert(frame, number)

    def finish(self) -> None:
        """Check all that nobody has looked at. Raises ResultWrong where anything is wrong,
        EnvironmentFault where the file cannot be read."""
        deque(self._frames, maxlen=0)
        if self._failure is not None:
            raise self._failure

    def _check_pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """Number and frame of every picture."""
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
        frames, fps, duration, _ = self._expected
        count = 0
        with open_media(self._path) as container:
            stream = choose_video_stream(container, self._path)
            base = stream.time_base or Fraction(1)
            stream.thread_type = "AUTO"
            for frame in decode_frames(container, stream):
                shown = (frame.pts or 0) * base
                if shown != count / fps:
                    raise InvalidResult(
                        f"picture {count} is shown at {shown} s, not at {count / fps} s"
                    )
                yield count, frame
                count += 1
                if count % REPORT_INTERVAL_PICTURES == 0:
                    self._on_pictures(count)
        if count != frames:
            raise InvalidResult(f"{count} pictures instead of {frames}")
        length = count / fps
        if abs(length - duration) > Fraction(1, 2) / fps and count > 1:
            raise InvalidResult(
                f"{float(length):.3f} s of picture instead of {float(duration):.3f} s"
            )

    def _require_sound(self) -> None:
        _, _, duration, audio = self._expected
        if not audio:
            return
        heard = measure_audio(self._path)
        if not has_duration(heard, duration):
            raise InvalidResult(
                f"{float(heard.duration):.3f} s of sound instead of {float(duration):.3f} s"
            )
