"""Many jobs for an engine without weights: one is tried again, the others wait in the inbox."""

import pytest

from heygem_daemon.protocol import Deferred, Render
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness

MANY = 5
REASON = "No checkpoint for wav2lip is there."


def without_checkpoint(render: Render) -> Messages:
    if render.engine == "wav2lip":
        return [Deferred(job_id=render.job_id, reason=REASON, of_weights=True)]
    return rendered(render)


@pytest.fixture
def flooded(harness: ServiceHarness) -> ServiceHarness:
    harness.executor.answer = without_checkpoint
    for number in range(MANY):
        harness.drop(f"a{number}.wav", f"a{number}.mp4")
        (harness.spool.inbox / f"a{number}.toml").write_text('engine = "wav2lip"\n')
    return harness


def test_one_job_is_tried_and_the_others_stay_in_the_inbox(flooded: ServiceHarness) -> None:
    service = flooded.service()
    flooded.run_rounds(service, 60)
    assert len(list(flooded.spool.processing.iterdir())) <= 3
    assert flooded.logged("WARNING job waits, next try in") <= 6
    flooded.drop("other.wav", "other.mp4")
    flooded.run_rounds(service, 60)
    assert "other.mp4" in flooded.outbox()


def test_all_are_rendered_when_the_checkpoint_is_there(flooded: ServiceHarness) -> None:
    service = flooded.service()
    flooded.run_rounds(service, 30)
    flooded.executor.answer = rendered
    flooded.run_rounds(service, 120)
    assert len(flooded.outbox()) == 3 * MANY


def test_members_of_a_batch_are_not_tried_one_after_the_other(harness: ServiceHarness) -> None:
    harness.executor.answer = without_checkpoint
    names = [f"{number}.{suffix}" for number in range(MANY) for suffix in ("wav", "mp4")]
    folder = harness.drop_batch("show", *names)
    (folder / "job.toml").write_text('engine = "wav2lip"\n')
    harness.run_rounds(harness.service(), 60)
    assert harness.logged("WARNING job waits, next try in") <= 6


def test_once_ends_and_says_what_waits(flooded: ServiceHarness) -> None:
    flooded.drop("other.wav", "other.mp4")
    summary = flooded.service().run_once()
    assert summary.published == 1
    assert summary.left == MANY
    assert summary.hold == REASON
