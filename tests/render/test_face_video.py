"""The video of a face that comes as an image file."""

from pathlib import Path

import numpy as np

from heygem_daemon.media.guard import NO_LIMITS
from heygem_daemon.media.image_files import write_png
from heygem_daemon.protocol import Render, RenderOptions
from heygem_daemon.render.face_video import with_face_video


def test_it_is_never_taken_for_a_file_of_the_daemon(tmp_path: Path) -> None:
    image, workspace = tmp_path / "result.mp4", tmp_path / "work"
    workspace.mkdir()
    (workspace / "result.mp4").write_bytes(b"of an earlier attempt")
    write_png(image, np.zeros((32, 32, 3), np.uint8))
    render = Render(
        job_id="1",
        audio=str(tmp_path / "a.wav"),
        video=str(image),
        workspace=str(workspace),
        options=RenderOptions(),
        keep_free_bytes=0,
    )
    changed, info = with_face_video(render, workspace, NO_LIMITS)
    assert info is not None
    assert Path(changed.video).name == "result.mp4"
    assert Path(changed.video).is_file()
    assert (workspace / "result.mp4").read_bytes() == b"of an earlier attempt"
