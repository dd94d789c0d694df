"""Mark a job's result and its strip as synthetic media, for programs and for viewers."""

from fractions import Fraction
from functools import partial
from pathlib import Path

from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.info import VideoInfo
from heygem_daemon.media.label import VisibleLabel, make_label
from heygem_daemon.media.marking.mark import mark_picture, mark_video
from heygem_daemon.media.marking.record import AigcRecord, video_tags
from heygem_daemon.protocol import Render
from heygem_daemon.render.appraisal import Appraisal, warn_on_failure

STRIP_NOT_MARKED = "The before/after picture could not be marked and is left out"


def record_for(render: Render) -> AigcRecord | None:
    """Return what the marks of a job say, without checksums; None: it gets no marks."""
    return AigcRecord(render.producer, render.job_id) if render.producer is not None else None


def tags_for(render: Render) -> dict[str, str]:
    """Return the tags with which a job's result is joined."""
    record = record_for(render)
    return {} if record is None else video_tags(record)


def label_for(render: Render, video: VideoInfo, fps: Fraction) -> VisibleLabel | None:
    """Return the label that viewers of a job's result see; None: none."""
    if render.label is None:
        return None
    size = video.width, video.height
    return make_label(render.label, size, video.colour, fps, video.sample_aspect)


def mark_result(render: Render, result: Path, guard: MediaGuard) -> dict[str, str] | None:
    """Complete the marks of a joined result; return what the report says of them, None: none.

    Raises SpoolUnavailable where the storage fails, InvalidResult where a mark is missing.
    """
    record = record_for(render)
    if record is None:
        return None
    marked = mark_video(result, record, guard)
    return {
        "producer": marked.producer,
        "produce_id": marked.produce_id,
        "checksum": marked.reserved_code_1,
    }


def mark_strip(render: Render, appraisal: Appraisal) -> None:
    """Mark the strip. One that cannot be marked is not published: a warning takes its place."""
    record = record_for(render)
    if record is None or appraisal.strip is None:
        return
    failures: list[str] = []
    warn_on_failure(STRIP_NOT_MARKED, partial(mark_picture, appraisal.strip, record), failures)
    if failures:
        appraisal.strip = None
        appraisal.warnings += failures
