"""What has ended is shown after a restart of the daemon as it was before."""

from pathlib import Path

from heygem_daemon.page.ended import find_results
from heygem_daemon.page.failed import find_failures
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.protocol import Refused, Render
from heygem_daemon.report.status import Status
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_hot_folders import drop_in


def listed(status: Status) -> tuple[object, ...]:
    """Return what the pages show of it."""
    standpoint = Standpoint(7.0)
    return find_results(status, standpoint), find_failures(status, standpoint)


def test_ended_jobs_keep_names_and_times_over_a_restart(harness: ServiceHarness) -> None:
    """Names that are taken get numbers; hot folders, batches, long reasons, wrong sidecars."""
    harness.configure(folders={"anna": {}})

    def answer(render: Render) -> Messages:
        harness.clock.now += 0.5  # two jobs that end at the same time have no order
        if b"bad" in Path(render.video).read_bytes():
            return [Refused(job_id=render.job_id, reason=f"There is no face. {'x' * 600}")]
        return rendered(render)

    harness.executor.answer = answer
    service = harness.service()
    harness.run_rounds(service, 2)
    for _ in range(2):
        harness.drop("talk.wav", "talk.mp4", "bad.wav", "bad.mp4", "a.b.wav", "a.b.mp4")
        drop_in(harness, "anna", "talk.wav", "talk.mp4")
        drop_in(harness, "anna", "bad.wav", "bad.mp4")
        harness.drop_batch("show", "1.wav", "1.mp4", "bad.wav", "bad.mp4")
        harness.run_rounds(service, 40)
        harness.drop("wrong.wav", "wrong.mp4")  # alone, as it takes no time
        (harness.spool.inbox / "wrong.toml").write_text("crf = 'no'")
        harness.run_rounds(service, 20)
    before = harness.status()
    assert len(before.finished) == 16, [each.name for each in before.finished]
    harness.kill(service)
    harness.run_rounds(harness.service(), 2)
    after = harness.status()

    def entry(status: Status) -> dict[str, object]:
        left_out = {"seconds", "frames", "length", "utilisation", "stage_seconds"}
        return {each.id: each.model_dump(exclude=left_out) for each in status.finished}

    assert entry(after) == entry(before)
    assert [each.id for each in after.finished] == [each.id for each in before.finished]
    assert after.finished_batches == before.finished_batches
    assert listed(after) == listed(before)
    warnings = {each.outcome: each.warning for each in after.finished}
    assert warnings == {"published": "Teeth are painted.", "failed": ""}
