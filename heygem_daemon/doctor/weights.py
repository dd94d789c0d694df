"""Findings about the shipped weights: whether each file is exactly as released."""

from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed
from heygem_daemon.engines.shipped_weights import MANIFEST, find_damage, read_checksums

REMEDY = "Fetch the folder of weights of this release again."


def weights_checks(weights: Path) -> list[Check]:
    """Return one finding on all files that ``manifest.json`` in the folder ``weights`` lists."""
    name = "weights"
    try:
        sums = read_checksums(weights / MANIFEST)
    except (OSError, ValueError) as error:
        return [failed(name, f"{weights / MANIFEST} cannot be used: {error}", REMEDY)]
    if wrong := find_damage(weights, sums):
        return [failed(name, "; ".join(wrong), REMEDY)]
    return [passed(name, f"{len(sums)} files in {weights} are as released")]
