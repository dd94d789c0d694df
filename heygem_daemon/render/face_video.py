"""The video of a job whose face comes as an image file."""

from pathlib import Path

from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.image_signature import ImageInfo, is_image_file
from heygem_daemon.protocol import Render

FOLDER = "face"
"""In the workspace, or in the folder of an assistant."""


def with_face_video(
    render: Render, scratch: Path, guard: MediaGuard
) -> tuple[Render, ImageInfo | None]:
    """Return ``render`` with a video in the place of an image file, and what the image was; as it
    is with None for a video.

    The video has the name of the image, for messages, and lies in a folder of its own in
    ``scratch``, so that it is never taken for one of the daemon's files there. Raises BadInput,
    TooLarge, or EnvironmentFault where the disk is full.
    """
    image = Path(render.video)
    if not is_image_file(image):
        return render, None
    from heygem_daemon.media.still_video import (  # noqa: PLC0415 - loads Pillow, for images alone
        write_still_video,
    )

    target = scratch / FOLDER / image.name
    target.parent.mkdir(parents=True, exist_ok=True)
    info = write_still_video(image, target, guard)
    return render.model_copy(update={"video": str(target)}), info
