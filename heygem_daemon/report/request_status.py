"""What the status says of requests. Data only."""

from pydantic import BaseModel, ConfigDict


class RequestStatus(BaseModel):
    """What became of a request."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """The name of its file, or the command."""

    text: str
    at: float
    """UNIX time."""
