"""How many threads decode, by what else keeps the processor busy."""

import os
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from av.codec.context import ThreadType

from heygem_daemon.media.decoder_threads import set_threads


@pytest.mark.parametrize(
    ("cores", "beside_other_work", "threads"),
    [
        pytest.param(1, False, 1, id="one core"),
        pytest.param(1, True, 1, id="one core, and other work"),
        pytest.param(2, False, 2, id="nothing else computes"),
        pytest.param(2, True, 1, id="both cores are busy"),
        pytest.param(6, True, 6, id="cores are left"),
    ],
)
def test_a_decoder_has_the_jobs_share_of_the_cores(
    make_video: Callable[..., Path], cores: int, beside_other_work: bool, threads: int
) -> None:
    with av.open(str(make_video("a.mp4", 3))) as container:
        stream = container.streams.video[0]
        set_threads(stream, cores, beside_other_work)
        assert len(list(container.decode(stream))) == 3
        assert stream.codec_context.thread_count == threads


def test_a_job_alone_has_all_processors(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: range(8))
    with av.open(str(make_video("a.mp4", 3))) as container:
        stream = container.streams.video[0]
        set_threads(stream, beside_other_work=True)
        assert stream.thread_type == ThreadType.AUTO
