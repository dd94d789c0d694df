"""What a media file holds, as the media probe tells it to the supervisor."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

MAX_SECONDS = 1e6
"""What a header may say: 11 days."""


@dataclass(frozen=True, slots=True)
class MediaContent:
    """What was found in a file. The default: nothing, because it could not be read."""

    sound: bool = False
    picture: bool = False
    """A moving picture or a photograph. The cover of an album is none."""
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)] = field(
        default=0.0, compare=False
    )
    """How long it is, as far as its header says; 0: not known."""

    def to_json(self) -> str:
        """Return the content as one line of JSON."""
        return _JSON.dump_json(self).decode()

    @staticmethod
    def from_json(line: bytes) -> "MediaContent":
        """Return the content of ``to_json``; the default for any other text."""
        try:
            return _JSON.validate_json(line)
        except ValidationError:
            return MediaContent()


_JSON: TypeAdapter[MediaContent] = TypeAdapter(MediaContent)
