"""The limits of a media file, which the settings give to the worker and to the media probe."""

from dataclasses import dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """The most that a sound or a video may hold; above it a job is refused."""

    minutes: float = 180.0
    """Length of a sound or a video."""
    megapixels: float = 36.0
    """Million pixels of a picture: 8192x4320, with a margin."""
    pictures: int = 650_000
    """Pictures of a video, or of a result: three hours at 60 a second."""
    gigapixels: float = 3000.0
    """Thousand million pixels of all pictures of a video, or of a result: three hours of 4K at 30
    pictures a second are 2,690."""

    @property
    def seconds(self) -> float:
        """Longest sound or video, in seconds."""
        return 60.0 * self.minutes

    @property
    def pixels(self) -> int:
        """Most pixels of a picture."""
        return round(self.megapixels * 1e6)

    @property
    def total_pixels(self) -> float:
        """Most pixels of all pictures together."""
        return self.gigapixels * 1e9

    def to_json(self) -> str:
        """Return the limits as JSON, for the command line of a child process."""
        return _JSON.dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> "MediaLimits":
        """Return the limits of ``to_json``. Raises pydantic.ValidationError."""
        return _JSON.validate_json(text)


_JSON: TypeAdapter[MediaLimits] = TypeAdapter(MediaLimits)
