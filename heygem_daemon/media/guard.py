"""Bound the reading of a media file: its limits, its share of the processors, and a step that may
end it.

A header may lie, and a file of a hundred kilobytes may hold a sound of fourteen hours. Limits are
therefore checked from the header before anything is decoded, and again for what is decoded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.counts import counted
from heygem_daemon.errors import TooLarge

MAX_PICTURES_PER_SECOND = 260
"""Cameras record slow motion with up to 240. A video with more costs more than it shows."""
MIN_PICTURES_TO_RATE = 1000
"""A video of fewer pictures is short, whatever its rate."""


@dataclass(frozen=True, slots=True)
class MediaGuard:
    """What bounds the reading of a file. The default has no limits, for files of our own."""

    limits: MediaLimits | None = None
    """None: no limits."""
    step: Callable[[], None] = lambda: None
    """Called for each packet, picture or block that is read, from any thread. It may raise, which
    ends the reading."""
    cores: int = 0
    """How many threads may decode at the same time; 0: as many as there are processors."""

    def require_seconds(self, path: Path, seconds: float) -> None:
        """Raise TooLarge where a sound or video of ``seconds`` is too long."""
        if self.limits is not None and seconds > self.limits.seconds:
            raise TooLarge(
                f"{path.name} lasts {_duration_in_words(seconds)} or more; the limit is "
                f"{_minutes(self.limits.minutes)}.",
                "Cut it into shorter parts, or ask the operator to raise max_minutes.",
            )

    def require_picture_size(self, path: Path, width: int, height: int) -> None:
        """Raise TooLarge where a picture of ``width`` x ``height`` pixels is too large."""
        if self.limits is not None and width * height > self.limits.pixels:
            raise TooLarge(
                f"The pictures of {path.name} are {width}x{height} pixels, "
                f"{width * height / 1e6:.0f} megapixels; the limit is "
                f"{self.limits.megapixels:g} megapixels.",
                "Scale the video, best to 1080p, or ask the operator to raise max_megapixels.",
            )

    def require_pictures(self, path: Path, count: int, pixels: int = 0) -> None:
        """Raise TooLarge where ``count`` pictures of ``pixels`` each are too many."""
        if self.limits is None:
            return
        if count > self.limits.pictures:
            raise TooLarge(
                f"{path.name} holds {count:,} pictures or more; the limit is "
                f"{self.limits.pictures:,}.",
                "Cut the video, or ask the operator to raise max_pictures.",
            )
        self._require_total(f"{path.name} holds {count:,} pictures", count * pixels)

    def require_picture_rate(self, path: Path, count: int, seconds: float) -> None:
        """Raise TooLarge where ``count`` pictures in ``seconds`` are too many for the time."""
        if self.limits is None or count < MIN_PICTURES_TO_RATE:
            return
        if count > MAX_PICTURES_PER_SECOND * seconds:
            raise TooLarge(
                f"{path.name} shows {count:,} pictures in {seconds:.1f} seconds; at most "
                f"{MAX_PICTURES_PER_SECOND} a second are accepted.",
                "Convert the video to 25 to 60 pictures a second.",
            )

    def require_result(self, count: int, pixels: int) -> None:
        """Raise TooLarge where a result of ``count`` pictures of ``pixels`` each is too large."""
        if self.limits is None:
            return
        if count > self.limits.pictures:
            raise TooLarge(
                f"The result would have {count:,} pictures; the limit is {self.limits.pictures:,}.",
                "Cut the sound into shorter parts, or ask the operator to raise max_pictures.",
            )
        self._require_total(f"The result would have {count:,} pictures", count * pixels)

    def _require_total(self, subject: str, total: int) -> None:
        if self.limits is not None and total > self.limits.total_pixels:
            raise TooLarge(
                f"{subject} with {total / 1e9:,.0f} thousand million pixels in all; the limit is "
                f"{self.limits.gigapixels:,g} thousand million.",
                "Cut or scale it, or ask the operator to raise max_gigapixels.",
            )


NO_LIMITS = MediaGuard()
"""For the program's own files."""


@contextmanager
def refuse_out_of_memory(path: Path) -> Iterator[None]:
    """Raise TooLarge where reading ``path`` takes more memory than this process may use."""
    try:
        yield
    except MemoryError as error:
        raise TooLarge(
            f"Reading {path.name} takes more memory than a worker may use.",
            "Scale the video, best to 1080p, and export it with a common codec.",
        ) from error


def _duration_in_words(seconds: float) -> str:
    return _minutes(round(seconds / 60)) if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def _minutes(count: float) -> str:
    return counted(count, "1 minute", "{count} minutes")
