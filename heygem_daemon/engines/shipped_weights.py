"""The shipped weights: their manifest, and whether each file is exactly as released."""

import json
from collections.abc import Mapping
from pathlib import Path

from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.system.checksum import sha256_of

MANIFEST = "manifest.json"


def verify_weights(weights: Path) -> None:
    """Check every file that the manifest of the folder ``weights`` lists. A folder without one, as
    a developer may make it, is not checked. Raises WeightsUnavailable with all that is wrong."""
    try:
        sums = read_checksums(weights / MANIFEST)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise WeightsUnavailable(f"{weights / MANIFEST} cannot be used: {error}") from error
    if damage := find_damage(weights, sums):
        raise WeightsUnavailable(
            f"the shipped weights in {weights} are damaged: {'; '.join(damage)}. Install this"
            " release again."
        )


def find_damage(weights: Path, sums: Mapping[str, str]) -> list[str]:
    """Return what is wrong with each file of ``sums`` (relative path and SHA-256 in hexadecimal)
    that is not as released."""
    return [problem for path, sha in sums.items() if (problem := _problem(weights / path, sha))]


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
