"""The form of the doctor's findings."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``fail``: jobs cannot run like this; ``warn``: they can, but something will
    be slow, or will break later. ``remedy`` is empty where there is nothing to do."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def passed(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name, "pass", detail)


def warned(name: str, detail: str, remedy: str) -> Check:
    """It works, with a drawback."""
    return Check(name, "warn", detail, remedy)


def failed(name: str, detail: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, "fail", detail, remedy)
