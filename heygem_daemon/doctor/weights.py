"""Findings about the shipped weights: whether each file is exactly as released."""

import json
from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed
from heygem_daemon.system.checksum import sha256_of

MANIFEST = "manifest.json"
REMEDY = "Fetch the folder of weights of this release again."


def weights_checks(weights: Path) -> list[Check]:
    """Return one finding on all files that ``manifest.json`` in the folder ``weights`` lists."""
    name = "weights"
    try:
        sums = read_checksums(weights / MANIFEST)
    except (OSError, ValueError) as error:
        return [failed(name, f"{weights / MANIFEST} cannot be used: {error}", REMEDY)]
    wrong = [problem for path, sha in sums.items() if (problem := _problem(weights / path, sha))]
    if wrong:
        return [failed(name, "; ".join(wrong), REMEDY)]
    return [passed(name, f"{len(sums)} files in {weights} are as released")]


def read_checksums(path: Path) -> dict[str, str]:
    """Return relative path → SHA-256 in hexadecimal; raises like ``read_manifest``."""
    return {name: str(entry["sha256"]) for name, entry in read_manifest(path).items()}


def read_manifest(path: Path) -> dict[str, dict[str, object]]:
    """Return relative path → what the manifest says of that file, at least ``sha256``.

    The file is a JSON object that maps each path to its SHA-256, or to an object with ``sha256``.
    Raises OSError where it cannot be read, and ValueError where it has another form.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    files = content.get("files", content) if isinstance(content, dict) else None
    if not isinstance(files, dict) or not files:
        raise ValueError("not a JSON object of files")
    return {name: _entry(name, entry) for name, entry in files.items()}


def _entry(name: str, entry: object) -> dict[str, object]:
    table = entry if isinstance(entry, dict) else {"sha256": entry}
    if not isinstance(table.get("sha256"), str):
        raise ValueError(f"{name} has no sha256")
    return table


def _problem(path: Path, sha: str) -> str | None:
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"{path.name}: {error.strerror or error}"
    return None if found == sha else f"{path.name} differs from the release"
