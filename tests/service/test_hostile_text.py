"""Sidecars of an enemy: their jobs fail with a reason, and everybody else is served."""

import pytest

from heygem_daemon.service.loop import Service
from heygem_daemon.service.runtime import Dependencies
from tests.fakes.service import ServiceHarness

HOSTILE_SIDECARS = {
    "500 brackets": b"a=" + b"[" * 500,
    "500 inline tables": b"a = " + b"{b = " * 500,
    "5,000 zeros": b"priority = 1" + b"0" * 5000,
    "4,000 zeros": b"priority = 1" + b"0" * 4000,
    "hex digits": b"crf = 0x" + b"f" * 3700,
    "a dotted key of 64 KB": b"a." * 32_000 + b"a = 1",
    "a dotted key of 4 KB": b"a." * 2_000 + b"a = 1",
    "quoted dotted keys": b'"a".' * 800 + b"a = 1",
    "no text": b"\xff\xfe\x00",
    "a table for a number": b"[crf]\n" + b"x = 1\n",
}


@pytest.fixture(autouse=True)
def _child_processes(harness: ServiceHarness) -> None:
    """Let child processes read the sidecars, as a daemon does."""
    harness.read_sidecar = Dependencies().read_sidecar


def run_to_the_end(harness: ServiceHarness) -> Service:
    service = harness.service()
    harness.run_rounds(service, 60)
    return service


@pytest.mark.parametrize("text", HOSTILE_SIDECARS.values(), ids=HOSTILE_SIDECARS)
def test_a_hostile_sidecar_fails_its_own_job_alone(harness: ServiceHarness, text: bytes) -> None:
    harness.drop("evil.wav", "evil.mp4", "talk.wav", "talk.mp4")
    (harness.spool.inbox / "evil.toml").write_bytes(text)
    run_to_the_end(harness)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.failed() == ["evil"]
    reason = (harness.spool.failed / "evil" / "reason.txt").read_text()
    assert "evil.toml" in reason
    assert "Correct or remove this file" in reason
    assert len(reason) < 2000


@pytest.mark.parametrize("text", HOSTILE_SIDECARS.values(), ids=HOSTILE_SIDECARS)
def test_a_hostile_sidecar_of_a_batch_fails_its_members_alone(
    harness: ServiceHarness, text: bytes
) -> None:
    harness.drop("talk.wav", "talk.mp4")
    folder = harness.drop_batch("show", "a.wav", "a.mp4", "b.wav", "b.mp4")
    (folder / "job.toml").write_bytes(text)
    run_to_the_end(harness)
    assert harness.outbox()[-3:] == ["talk.json", "talk.mp4", "talk.png"]
    failed = sorted(path.name for path in (harness.spool.failed / "show").iterdir())
    assert failed == ["a", "b"]
    assert "job.toml" in (harness.spool.failed / "show" / "a" / "reason.txt").read_text()


def test_a_daemon_that_was_killed_with_a_hostile_sidecar_starts_again(
    harness: ServiceHarness,
) -> None:
    harness.drop("evil.wav", "evil.mp4")
    (harness.spool.inbox / "evil.toml").write_bytes(HOSTILE_SIDECARS["500 brackets"])
    service = harness.service()
    claimed = False
    while not claimed:
        harness.run_rounds(service, 0.25)
        claimed = harness.processing() > 0 or bool(harness.failed())
    harness.kill(service)
    harness.drop("talk.wav", "talk.mp4")
    run_to_the_end(harness)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.failed() == ["evil"]
