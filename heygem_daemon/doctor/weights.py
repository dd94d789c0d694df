"""Findings about the shipped weights: there, and byte for byte what was released."""

import hashlib
import json
from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed

MANIFEST = "manifest.json"
REMEDY = "Fetch the folder of weights of this release again."


def weights_checks(weights: Path) -> list[Check]:
    """One finding on all files that ``weights/manifest.json`` lists."""
    name = "weights"
    try:
        sums = manifest(weights / MANIFEST)
    except (OSError, ValueError) as error:
        return [failed(name, f"{weights / MANIFEST} cannot be used: {error}", REMEDY)]
    wrong = [problem for path, sha in sums.items() if (problem := _problem(weights / path, sha))]
    if wrong:
        return [failed(name, "; ".join(wrong), REMEDY)]
    return [passed(name, f"{len(sums)} files in {weights} are as released")]


def manifest(path: Path) -> dict[str, str]:
    """Relative path → SHA-256 in hexadecimal.

    The file is a JSON object that maps each path to its sum, or to an object with ``sha256``.
    Raises OSError where it cannot be read and ValueError where it is of another form.
    """
    entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, dict) or not entries:
        raise ValueError("not a JSON object of files")
    return {name: _sum(name, entry) for name, entry in entries.get("files", entries).items()}


def _sum(name: str, entry: object) -> str:
    value = entry.get("sha256") if isinstance(entry, dict) else entry
    if not isinstance(value, str):
        raise ValueError(f"{name} has no sha256")
    return value


def _problem(path: Path, sha: str) -> str | None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{path.name}: {error.strerror or error}"
    return None if found == sha else f"{path.name} differs from the release"
