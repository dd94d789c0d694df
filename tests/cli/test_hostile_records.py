"""Commands on a spool in which somebody has forged the records of finished jobs."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Program

JOB = {"id": "1", "name": "x", "audio_name": "x.wav", "video_name": "x.mp4", "claimed_at": 1.0}
BATCH = {"id": "1", "name": "x", "folder_name": "x", "claimed_at": 1.0, "outcome": "finished"}


def with_number(record: dict[str, object], key: str, number: str) -> bytes:
    return json.dumps(record | {key: "?"}).replace('"?"', number).encode()


TEXTS = {
    "200,000 brackets": b"[" * 200_000,
    "200,000 objects": b'{"a":' * 200_000,
    "5,000 digits": with_number(JOB, "attempts", "1" * 5000),
    "NaN": with_number(JOB | {"outcome": "published"}, "completed_at", "NaN"),
    "Infinity": with_number(JOB | {"outcome": "failed"}, "completed_at", "Infinity"),
    "-Infinity": with_number(JOB | {"outcome": "failed"}, "completed_at", "-Infinity"),
    "beyond a float": with_number(JOB | {"outcome": "failed"}, "completed_at", "1e999"),
    "beyond a calendar": with_number(JOB | {"outcome": "published"}, "completed_at", "1e300"),
    "a batch at NaN": with_number(BATCH, "completed_at", "NaN"),
    "a batch at Infinity": with_number(BATCH, "completed_at", "Infinity"),
    "a batch beyond a calendar": with_number(BATCH, "completed_at", "-1e300"),
    "no text": b"\xff\xfe\x00",
}
COMMANDS = (("status",), ("status", "--json"), ("purge",), ("purge", "--dry-run"))
ASKING = ("retry", "remove")
NOBODY_WORKS = 3
"""Exit status of ``status``."""


@pytest.mark.parametrize("name", ["job.json", "batch.json"])
def test_forged_records_end_no_command(program: "Program", name: str) -> None:
    program("once")
    for number, text in enumerate(TEXTS.values()):
        for folder in ("done", "failed"):
            (program.spool / folder / f"evil-{number}").mkdir()
            (program.spool / folder / f"evil-{number}" / name).write_bytes(text)
    others = [(word, f"evil-{number}") for number in range(len(TEXTS)) for word in ASKING]
    for command in (*COMMANDS, *others):
        done = program(*command)
        assert "Traceback" not in done.stderr, command
        assert done.returncode in ({NOBODY_WORKS} if command[0] == "status" else {0, 1}), command
    done = program("status", "--json")
    assert "NaN" not in done.stdout
    assert "Infinity" not in done.stdout
    assert json.loads(done.stdout)["results"] == []


def test_a_forged_status_ends_no_command(program: "Program") -> None:
    program("once")
    for told, text in TEXTS.items():
        (program.spool / ".state" / "status.json").write_bytes(text)
        done = program("status")
        assert (done.returncode, done.stderr) == (NOBODY_WORKS, ""), told
        assert done.stdout.startswith("No daemon is running"), told
