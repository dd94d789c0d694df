"""Types of values that the settings have in common."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode


def _refuse_bool(value: object) -> object:
    """Refuse true and false where a number is meant; pydantic would read them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Whole = Annotated[int, BeforeValidator(_refuse_bool)]


def _split_list(value: object) -> object:
    """Split a list as it is written in a variable or an option: 'GPU-…, GPU-…'."""
    return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Patience = Annotated[Number, Field(ge=10)]
"""Seconds without progress until a worker counts as hung."""
Uuids = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
