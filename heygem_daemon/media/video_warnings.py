"""Say what is wrong with a video that is used nevertheless. Pure."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.counts import counted
from heygem_daemon.media.info import VideoInfo

LONGEST_HOLD_SECONDS = 1.0
"""A picture that is shown for longer, between pictures that move, is a gap that everybody sees."""
SHORTEST_LOSS_SECONDS = 0.5
"""Headers round lengths, and count sound that ends later."""


def video_warnings(
    video: VideoInfo, timestamps: NDArray[np.float64], damaged: int
) -> tuple[str, ...]:
    """Return sentences for the user; none for a video that is as it should be.

    ``timestamps``: when the pictures are shown that the result shows, ascending seconds (N,).
    ``damaged``: number of pictures that cannot be decoded.
    """
    return (
        *_turn_warnings(video),
        *_gap_warnings(video, timestamps),
        *_damage_warnings(video, damaged),
    )


def _turn_warnings(video: VideoInfo) -> list[str]:
    if not video.turned:
        return []
    turn = f"The result is turned by {video.turned} degrees clockwise"
    return [f"{turn}: no face was found in the video as players show it."]


def _gap_warnings(video: VideoInfo, timestamps: NDArray[np.float64]) -> list[str]:
    steps = np.diff(timestamps)
    held = steps[steps > max(LONGEST_HOLD_SECONDS, 3 / float(video.fps))]
    if video.repeated_pictures or not len(held):
        return []
    places = counted(len(held), "1 place", "{count} places")
    lost = f"The time stamps of the video leave out {held.sum():.1f} s, at {places}"
    return [f"{lost}: the picture before is held there."]


def _damage_warnings(video: VideoInfo, damaged: int) -> list[str]:
    warnings = []
    if damaged:
        pictures = counted(damaged, "1 picture", "{count} pictures")
        warnings.append(
            f"{pictures} of the video cannot be decoded: the one before is shown instead."
        )
    if video.lost_seconds > SHORTEST_LOSS_SECONDS:
        warnings.append(
            f"The last {float(video.lost_seconds):.1f} s of the length that the video file states "
            "are missing."
        )
    if video.read_errors:
        once = video.read_errors == 1
        fault = "could not be read once" if once else f"could not be read {video.read_errors} times"
        warnings.append(f"The video file {fault}: pictures may be missing there, or at its end.")
    return warnings
