"""The doctor's findings: checks, grouped into sections."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from heygem_daemon.language.translator import Translator

Verdict = Literal["pass", "warn", "fail"]
Figures = Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    verdict: Verdict
    """'fail': jobs cannot run like this. 'warn': they can, but something is slow or will break
    later. 'pass': all is well."""
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do about it; empty where there is nothing to do."""
    figures: Figures = field(default_factory=dict)
    """What was measured, for scripts."""


@dataclass(frozen=True, slots=True)
class Section:
    """Findings on one subject."""

    title: str
    checks: tuple[Check, ...]


def passed(name: str, detail: str, figures: Figures | None = None) -> Check:
    """Return a finding that all is well."""
    return Check(name, "pass", detail, figures=figures or {})


def warned(name: str, detail: str, remedy: str, figures: Figures | None = None) -> Check:
    """Return a finding that something works, with a drawback."""
    return Check(name, "warn", detail, remedy, figures or {})


def failed(name: str, detail: str, remedy: str, figures: Figures | None = None) -> Check:
    """Return a finding that something does not work."""
    return Check(name, "fail", detail, remedy, figures or {})


def translated(check: Check, translate: Translator) -> Check:
    """Return a finding in another language."""
    return replace(
        check,
        name=translate(check.name),
        detail=translate(check.detail),
        remedy=translate(check.remedy),
    )


def check_line(check: Check, translate: Translator) -> str:
    """Return a finding as one line, translated."""
    own = translated(check, translate)
    remedy = f" -> {own.remedy}" if own.remedy else ""
    return f"{translate(own.verdict)} {own.name}: {own.detail}{remedy}"
