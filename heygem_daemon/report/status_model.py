"""The base of all parts of the status."""

from pydantic import BaseModel, ConfigDict


class StatusModel(BaseModel):
    """Base of all parts. They are immutable, and ignore the additional fields of a newer daemon."""

    model_config = ConfigDict(frozen=True, extra="ignore")
