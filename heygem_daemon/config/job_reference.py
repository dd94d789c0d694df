"""What each option of a job is, in words: its kind and range. The help of ``submit`` is made from
it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.reference import bounds_of, kind_of
from heygem_daemon.config.settings import Settings


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
