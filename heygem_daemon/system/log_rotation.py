"""Names of rotated log files, and which of them are deleted. No I/O.

A file that is rotated at midnight ends with its day. Where one of that day exists, since the log
was rotated by its size too, a number follows: ``.2026-11-28``, ``.2026-11-28.2``.
"""

import re
from collections.abc import Collection, Iterable

_SUFFIX = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.(\d{1,9}))?", re.ASCII)


def free_name(file_name: str, day: str, taken: Collection[str]) -> str:
    """Return the name for a file of ``day`` that is rotated now: behind all others of that day."""
    numbers = [number for found, number, _ in _rotated(file_name, taken) if found == day]
    name = f"{file_name}.{day}"
    return f"{name}.{max(numbers) + 1}" if numbers else name


def rotated_names(file_name: str, names: Iterable[str]) -> list[str]:
    """Return the rotated files among ``names``, the oldest first."""
    return [name for _, _, name in sorted(_rotated(file_name, names))]


def names_to_delete(
    file_name: str, names: Iterable[str], keep_days: int, keep_files: int
) -> list[str]:
    """Return the rotated files that are not of the newest ``keep_days`` days (0: of any day), or
    not among the newest ``keep_files``."""
    rotated = sorted(_rotated(file_name, names), reverse=True)
    days = sorted({day for day, _, _ in rotated}, reverse=True)
    kept_days = set(days[:keep_days] if keep_days else days)
    kept = [name for day, _, name in rotated if day in kept_days][:keep_files]
    return sorted({name for _, _, name in rotated} - set(kept))


def _rotated(file_name: str, names: Iterable[str]) -> list[tuple[str, int, str]]:
    """Return day, number and name of each rotated file among ``names``."""
    found = []
    for name in names:
        match = _SUFFIX.fullmatch(name.removeprefix(f"{file_name}."))
        if match and name.startswith(f"{file_name}."):
            found.append((match[1], int(match[2] or 1), name))
    return found
