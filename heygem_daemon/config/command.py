"""The command after a published job: its placeholders. Pure."""

import re
from collections.abc import Sequence
from pathlib import Path

PLACEHOLDERS = ("result", "report", "folder", "id")
"""What is filled in: the paths of the result and of its report, the folder of both, the job's id.
No name of a user's file stands alone, so that none can be taken for an option."""

_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def require_known_placeholders(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command. Raises ValueError if nothing is filled in for one of its placeholders."""
    for name in (name for part in command for name in _PLACEHOLDER.findall(part)):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"nothing is filled in for {{{name}}}, only for {known}")
    return command


def fill_in(command: Sequence[str], result: Path, job_id: str) -> list[str]:
    """Return the arguments. A path stays one argument, whatever characters are in it."""
    values = {
        "result": str(result),
        "report": str(report_of(result)),
        "folder": str(result.parent),
        "id": job_id,
    }
    return [_PLACEHOLDER.sub(lambda each: values[each[1]], part) for part in command]


def report_of(result: Path) -> Path:
    """Return the path of a result's report."""
    return result.with_suffix(".json")
