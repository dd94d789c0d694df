"""The form of the doctor's findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["pass", "warn", "fail"]
Figures = Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``fail``: jobs cannot run like this; ``warn``: they can, but something will
    be slow, or will break later. ``remedy`` is empty where there is nothing to do; ``figures``:
    what was measured, for scripts."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """Findings on one subject."""

    title: str
    checks: tuple[Check, ...]


def passed(name: str, detail: str, figures: Figures | None = None) -> Check:
    """All is well."""
    return Check(name, "pass", detail, figures=figures or {})


def warned(name: str, detail: str, remedy: str, figures: Figures | None = None) -> Check:
    """It works, with a drawback."""
    return Check(name, "warn", detail, remedy, figures or {})


def failed(name: str, detail: str, remedy: str, figures: Figures | None = None) -> Check:
    """It does not work."""
    return Check(name, "fail", detail, remedy, figures or {})
