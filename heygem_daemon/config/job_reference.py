"""What each option of a job is, in words: its kind and range. The help of ``submit`` is made from
it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from heygem_daemon.config.choices import MAX_FACES
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.reference import bounds_of, kind_of
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.wording import format_value


@dataclass(frozen=True, slots=True)
class DescribedJobOption:
    """One option of a job in words."""

    key: str
    kind: str
    """``NUMBER``, ``WHOLE``, ``TEXT``, or the choices with ``|`` between."""
    bounds: str
    """As 'from 0 to 51'; empty: none."""
    text: str
    is_switch: bool
    """Whether it is on or off."""

    @property
    def values(self) -> str:
        """What it can be, as it stands in a sidecar: '"left" | "right"', '0 … 51'."""
        if self.bounds:
            return self.bounds.removeprefix("from ").replace(" to ", " … ")
        return " | ".join(map(_as_written, self.kind.split("|")))

    @property
    def help(self) -> str:
        """What it is, with its bounds."""
        return f"{self.text} ({self.bounds})" if self.bounds else self.text


@cache
def describe_job_options() -> tuple[DescribedJobOption, ...]:
    """Return all options of a job, in the order of ``JobOptions``."""
    schema = JobOptions.model_json_schema()["properties"]
    return tuple(_describe(key, _without_null(schema[key])) for key in JobOptions.model_fields)


def _describe(key: str, schema: Mapping[str, Any]) -> DescribedJobOption:
    own = JobOptions.model_fields[key].description
    setting = Settings.model_fields.get(key)
    return DescribedJobOption(
        key=key,
        kind=kind_of(key, schema),
        bounds=bounds_of(schema),
        text=own or (setting.description if setting else None) or "",
        is_switch=schema.get("type") == "boolean",
    )


def _as_written(choice: str) -> str:
    """Return a choice as it stands in a sidecar; any number stands for that of a face."""
    if choice == "NUMBER":
        return f"1 … {MAX_FACES}"
    is_text = re.fullmatch(r"true|false|-?\d+", choice) is None
    return format_value(choice) if is_text else choice


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of the values that an option can have. Several sets of choices are one."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if not kinds:
        return schema
    choices = [
        value
        for each in kinds
        for value in each.get("enum", [each["const"]] if "const" in each else [])
    ]
    return {"enum": choices} if choices else kinds[0]
