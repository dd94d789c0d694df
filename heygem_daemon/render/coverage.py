"""Refuse a video in which too few frames can be drawn, with the reason."""

from typing import NoReturn

from heygem_daemon.engines.base import PerformanceSummary
from heygem_daemon.errors import BadInput
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT

MIN_FAULTY_PICTURES = 3
"""Damaged pictures from which a video counts as damaged: with fewer, the face is at fault."""


def refuse_damage(name: str, faulty: int) -> None:
    """Raise BadInput where ``faulty`` pictures of a video without a usable face are damaged."""
    if faulty >= MIN_FAULTY_PICTURES:
        raise BadInput(
            f"{name} is damaged: {faulty} of its pictures cannot be decoded, or only with errors, "
            "and the others do not show a usable face often enough.",
            REPLACE_FILE_HINT,
        )


def is_covered(summary: PerformanceSummary, least: float) -> bool:
    """Whether at least ``least`` (0-1) of the frames can be drawn, and any."""
    return summary.coverage > 0 and summary.coverage >= least


def refuse_coverage(summary: PerformanceSummary) -> NoReturn:
    """Raise BadInput: too few frames can be drawn."""
    reasons = "; ".join(
        f"{reason}: {share:.0%}" for reason, share in summary.passed_through.items()
    )
    raise BadInput(
        f"The video shows a usable face in only {summary.coverage:.0%} of the frames ({reasons}).",
        "Use a video in which one real person faces the camera, upright and not covered.",
    )
