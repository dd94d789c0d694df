"""Findings about the shipped weights: whether each file is exactly as released."""

from pathlib import Path

from heygem_daemon.doctor.check import Check, failed, passed
from heygem_daemon.engines.shipped_weights import MANIFEST, find_damage, read_checksums
from heygem_daemon.system.installation import as_sentence, find_installation


def weights_checks(weights: Path) -> list[Check]:
    """Return one finding on all files that ``manifest.json`` in the folder ``weights`` lists."""
    name = "weights"
    try:
        sums = read_checksums(weights / MANIFEST)
    except (OSError, ValueError) as error:
        return [failed(name, f"{weights / MANIFEST} cannot be used: {error}", _remedy())]
    if wrong := find_damage(weights, sums):
        return [failed(name, "; ".join(wrong), _remedy())]
    return [passed(name, f"{len(sums)} files in {weights} are as released")]


def _remedy() -> str:
    installation = find_installation()
    if installation.kind == "checkout":
        return "Fetch the folder weights of the checkout again: run 'git checkout -- weights'."
    return as_sentence(installation.renew())
