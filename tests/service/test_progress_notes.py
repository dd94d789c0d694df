"""``<name>.rendering.txt`` in a running service."""

from dataclasses import replace
from datetime import datetime

from heygem_daemon.protocol import Progress
from heygem_daemon.service.progress_notes import KEEPALIVE_SECONDS, LEAST_SECONDS
from heygem_daemon.service.progress_text import progress_text
from tests.fakes.service import ServiceHarness
from tests.service.test_pace import running_job


def notes(harness: ServiceHarness) -> set[str]:
    outbox = harness.spool.root / "outbox"
    return {str(each.relative_to(outbox)) for each in outbox.rglob("*.rendering.txt")}


def test_it_is_there_while_the_job_runs_and_goes_with_it(harness: ServiceHarness) -> None:
    answer, harness.executor.answer = harness.executor.answer, lambda render: [
        Progress(job_id=render.job_id, stage="render", frames=42, total_frames=100, fps=1.0)
    ]  # fmt: skip
    harness.configure(folders={"anna": {}}, language="both")
    service = harness.service()
    harness.run_rounds(service, 2)
    for folder in ("anna", "anna/show"):
        (harness.spool.inbox / folder).mkdir(exist_ok=True)
        for name in ("talk.wav", "talk.mp4"):
            (harness.spool.inbox / folder / name).write_bytes(b"content")
    harness.run_rounds(service, 20)
    (note,) = notes(harness)
    assert note in ("anna/talk.rendering.txt", "anna/show/talk.rendering.txt")
    text = (harness.spool.outbox / note).read_text()
    for part in ("Stage: drawing the mouth", "Done: 65 %", "Time left: about 3 min", "正在"):
        assert part in text
    harness.kill(service)
    assert notes(harness) == {note}
    harness.executor.answer = answer
    again = harness.service()
    again.run_round()
    assert notes(harness) == set()
    harness.run_rounds(again, 20)
    assert (harness.spool.outbox / "anna" / "talk.mp4").exists()
    assert notes(harness) == set()


def test_it_goes_before_the_result_appears_and_at_a_stop(harness: ServiceHarness) -> None:
    harness.executor.answer = lambda _render: []
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    assert notes(harness) == {"talk.rendering.txt"}
    harness.configure(progress_files=False)
    service.request_reload()
    harness.run_rounds(service, 2)
    assert notes(harness) == set()
    harness.configure(progress_files=True)
    service.request_reload()
    harness.run_rounds(service, 5)
    assert notes(harness) == {"talk.rendering.txt"}
    service.request_stop()
    service._stop()
    assert notes(harness) == set()


def test_it_says_when_it_was_written(harness: ServiceHarness) -> None:
    """A file that a dead daemon has left looks as if the job went on, but for that time."""
    harness.configure(language="en")
    harness.executor.answer = lambda _render: []
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    note = harness.spool.outbox / "talk.rendering.txt"

    def age() -> float:
        (line,) = [each for each in note.read_text().splitlines() if "Last update" in each]
        assert "more than a minute ago, the daemon is not running" in note.read_text()
        written = datetime.strptime(line.removeprefix("Last update: ")[:19], "%Y-%m-%d %H:%M:%S")
        return harness.clock.wall() - written.timestamp()

    before = note.read_text()
    harness.run_rounds(service, 3)
    assert note.read_text() == before, "what has not changed is not written again at once"
    for _ in range(10):
        harness.run_rounds(service, 7)
        assert 0 <= age() < KEEPALIVE_SECONDS + LEAST_SECONDS + 2
    job_id = harness.executor.submitted[0].job_id
    harness.executor.emit_for_job(job_id, Progress(job_id=job_id, stage="track"))
    harness.run_rounds(service, 3)
    assert "finding the face" in note.read_text()
    assert age() < LEAST_SECONDS + 3
    harness.kill(service)
    harness.clock.now += 300
    assert age() > 300


def test_a_job_has_started_when_its_first_attempt_did(harness: ServiceHarness) -> None:
    """Each restart of the daemon began it anew."""
    harness.configure(language="en")
    harness.executor.answer = lambda _render: []
    harness.drop("talk.wav", "talk.mp4")

    def started() -> str:
        harness.run_rounds(harness.service(), 20)
        text = (harness.spool.outbox / "talk.rendering.txt").read_text()
        return next(each for each in text.splitlines() if each.startswith("Started: "))

    first = started()
    harness.kill(harness.service())
    harness.clock.now += 3600
    assert started() == first


def test_the_text_is_in_the_language_of_the_setting() -> None:
    running = running_job()
    running.job = replace(running.job, name="王芳")
    both = progress_text(running, None, 0.0, "both")
    running.progress = Progress(job_id="1", stage="track")
    english = progress_text(running, 90.0, 0.0, "en")
    chinese = progress_text(running, 90.0, 0.0, "zh")
    assert "finding the face" in english
    assert "Time left: about 2 min" in english
    assert "王芳" in english
    assert "王芳" in chinese
    assert not any(each in chinese for each in ("Stage", "Started", "finding", "Last", "left"))
    assert "loading the model" in both
    assert both.count("王芳") == 2
