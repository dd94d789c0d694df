"""Wording of messages about wrong values and names. Pure."""

import difflib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from heygem_daemon.config.toml_keys import format_key

UNQUOTED = ", unquoted"
"""Ends what is said of a value that is text."""

_PLAIN_MESSAGES = {
    "path_type": "must be a path",
    "bool_type": "must be true or false, unquoted",
    "int_type": "must be a whole number, unquoted",
    "float_type": "must be a number, unquoted",
    # Of an option or a variable, which is text.
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
}


def format_value(value: object) -> str:
    """Return a value as it is written in a TOML file."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


NOT_SET = "not set"
"""Stands for a value that a TOML file cannot have."""


def format_setting(value: object) -> str:
    """Return the value of a setting as it is written in a TOML file; a path is text there."""
    if value is None:
        return NOT_SET
    if isinstance(value, BaseModel):
        return format_setting(value.model_dump(exclude_unset=True, exclude_none=True))
    if isinstance(value, Mapping):
        parts = (f"{format_key(key)} = {format_setting(each)}" for key, each in value.items())
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(format_setting, value)) + "]"
    return format_value(value if isinstance(value, bool | int | float) else str(value))


def describe_problem(error: ErrorDetails) -> str:
    """Return what a value must be, from its validation error, with the nearest valid choice."""
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    problem = _PLAIN_MESSAGES.get(error["type"], message)
    if error["type"] != "literal_error":
        return problem
    choices = error["ctx"]["expected"].replace(" or ", ", ").split(", ")
    return problem + suggest_nearest(str(error["input"]), choices)


def suggest_nearest(wrong: str, valid_names: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the name most similar to ``wrong``; empty if none
    is similar."""
    names = [name.strip("'") for name in valid_names]
    close = difflib.get_close_matches(wrong.lower(), [name.lower() for name in names], n=1)
    right = next((name for name in names if close and name.lower() == close[0]), None)
    return f'; did you mean "{right}"?' if right else ""
