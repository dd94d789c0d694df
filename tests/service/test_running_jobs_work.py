"""What a worker's messages mean."""

from pathlib import Path

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    Halted,
    Progress,
    Refused,
    Rendered,
    Unfit,
)
from heygem_daemon.service.progress import finished_chunk
from heygem_daemon.service.running_jobs import (
    Verdict,
    attempt_error,
    deferral_reason,
    render_options,
    with_users_names,
)
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.worker.executor import WorkerDied


def at(chunk: int, stage: str = "render") -> Progress:
    return Progress.model_validate({"job_id": "j", "stage": stage, "chunk": chunk, "chunks": 3})


@pytest.mark.parametrize(
    ("before", "after", "done"),
    [
        (None, at(1), None),
        (at(0, "track"), at(1), None),
        (at(1), at(1), None),
        (at(1), at(2), 1),
        (at(3), at(0, "join"), 3),
        (at(0), at(1), None),
    ],
)
def test_a_chunk_is_done_when_the_next_one_or_the_next_stage_begins(
    before: Progress | None, after: Progress, done: int | None
) -> None:
    found = finished_chunk(before, after)
    assert (found.chunk if found else None) == done


def test_the_users_read_their_own_file_names() -> None:
    journal = Journal(
        id="j", name="talk", audio_name="video.mp4.wav", video_name="my talk.mp4", claimed_at=0.0
    )
    folder = Path("/p/j")
    job = Job("j", "talk", folder, folder / "audio.wav", folder / "video.mp4", journal)
    text = with_users_names("video.mp4 is damaged, audio.wav is not.", job)
    assert text == "my talk.mp4 is damaged, video.mp4.wav is not."


@pytest.mark.parametrize(
    ("verdict", "fault", "error"),
    [
        (Rendered(job_id="j", result="r", report="p"), None, None),
        (Refused(job_id="j", reason="no face"), None, None),
        (Halted(job_id="j"), None, None),
        (Deferred(job_id="j", reason="disk full"), "disk full", None),
        (Unfit(reason="no weights"), "no weights", None),
        (Crashed(job_id="j", error="KeyError: 1", traceback=""), None, "KeyError: 1"),
        (WorkerDied("exited with status 1", "j"), None, "the worker exited with status 1"),
    ],
)
def test_only_crashes_cost_an_attempt(
    verdict: Verdict, fault: str | None, error: str | None
) -> None:
    assert (deferral_reason(verdict), attempt_error(verdict)) == (fault, error)


def test_a_jobs_own_options_win_over_the_operators() -> None:
    settings = Settings.model_validate({"loop": "freeze", "crf": 20, "strip": True})
    plain = render_options(JobOptions(), settings)
    assert (plain.loop, plain.crf, plain.preset, plain.strip) == ("freeze", 20, "veryfast", True)
    own = render_options(
        JobOptions(loop="restart", quality="high", strip=False, min_coverage=0.0), settings
    )
    assert (own.loop, own.crf, own.preset) == ("restart", 14, "medium")
    assert (own.strip, own.min_coverage) == (False, 0.0)
    assert own.chunk_seconds == settings.chunk_seconds
