"""How far the drawing of a job is. Pure."""

from typing import Final

from heygem_daemon.protocol import Progress

DRAWING: Final = "render"
"""The stage whose frames are drawn."""


def percent_drawn(progress: Progress) -> int | None:
    """Return the share of the frames that are drawn, while they are drawn; else None."""
    if progress.stage != DRAWING or progress.total_frames <= 0:
        return None
    return min(100, 100 * progress.frames // progress.total_frames)


def seconds_to_draw(progress: Progress) -> int | None:
    """Return how long the drawing of the remaining frames will take at the speed so far; None:
    not known."""
    if progress.stage != DRAWING or progress.fps <= 0 or progress.total_frames <= 0:
        return None
    return round(max(0, progress.total_frames - progress.frames) / progress.fps)
