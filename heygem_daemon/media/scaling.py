"""Make a picture larger or smaller."""

from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.media.pixel_format import unpadded_plane

SMOOTH = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
"""Where a picture becomes smaller, swscale's kernel covers all pixels that a new one stands for."""


def scale(
    picture: Picture, size: tuple[int, int], reformatter: VideoReformatter | None = None
) -> Picture:
    """Return ``picture`` with another (width, height) in pixels.

    ``reformatter``: one that has scaled the pictures before, which saves its preparation.
    """
    frame = VideoFrame(picture.width, picture.height, "yuv420p")
    for number, plane in enumerate((picture.y, picture.u, picture.v)):
        unpadded_plane(frame, number)[:] = plane
    scaled = (reformatter or VideoReformatter()).reformat(
        frame, width=size[0], height=size[1], interpolation=SMOOTH
    )
    y, u, v = (_copied(scaled, number) for number in range(3))
    return Picture(picture.index, y, u, v, picture.colour)


def _copied(frame: VideoFrame, number: int) -> Plane:
    return unpadded_plane(frame, number).copy()
