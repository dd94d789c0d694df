"""What the status says of requests. Data only."""

from pydantic import BaseModel, ConfigDict


class RequestStatus(BaseModel):
    """What became of a request."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """The name of its file, or the command."""

    folder: str = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox, or it is a command."""

    text: str
    at: float
    """UNIX time."""

    dropped_by: str = ""
    """The name of who asks; empty: not known."""

    needs_person: bool = False
    """Whether it is carried out only when somebody corrects its file."""
