"""The messages between supervisor and worker."""

import pytest
from pydantic import ValidationError

from heygem_daemon.protocol import (
    FROM_WORKER,
    TO_WORKER,
    Halt,
    Load,
    MemoryUsage,
    Message,
    Pause,
    Progress,
    Refused,
    Render,
    RenderOptions,
    encode_message,
)


@pytest.mark.parametrize(
    "message",
    [
        Load(engine="builtin", device="cpu", weights="w", cache="c"),
        Render(
            job_id="j",
            audio="a.wav",
            video="v.mp4",
            workspace="w",
            options=RenderOptions(loop="freeze", chunk_seconds=5),
        ),
        Pause(job_id="one"),
        Halt(),
    ],
)
def test_a_message_to_the_worker_is_one_line_and_survives(message: Message) -> None:
    line = encode_message(message)
    assert line.count(b"\n") == 1
    assert TO_WORKER.validate_json(line) == message


@pytest.mark.parametrize(
    "message",
    [
        Progress(job_id="j", stage="render", chunk=1, chunks=3, fps=12.5),
        Refused(job_id="j", reason="first line\nsecond line", remedy="Größer."),
        MemoryUsage(rss_bytes=1 << 40),
    ],
)
def test_a_message_from_the_worker_is_one_line_and_survives(message: Message) -> None:
    line = encode_message(message)
    assert line.count(b"\n") == 1
    assert FROM_WORKER.validate_json(line) == message


@pytest.mark.parametrize(
    "line", [b"{}", b'{"kind": "dance"}', b'{"kind": "halt", "now": true}', b"\xff", b"[]"]
)
def test_invalid_messages_are_refused(line: bytes) -> None:
    with pytest.raises(ValidationError):
        TO_WORKER.validate_json(line)
