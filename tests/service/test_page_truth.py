"""The status page is true within three seconds of each event, over fifty jobs of all fates."""

import random
import re
from collections import deque
from pathlib import Path

import pytest

from heygem_daemon.protocol import Progress, Refused
from heygem_daemon.service.loop import Service
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness

JOBS = 50
TRUE_WITHIN_SECONDS = 3.0
ROUND_SECONDS = 0.25
NAME = re.compile(r'<span class="name[^"]*">(?:<a [^>]*>|\d+\. )?(job-\d\d)')
SECTION = re.compile(r'<section [^>]*aria-labelledby="(\w+)"(.*?)</section>', re.DOTALL)
NOWHERE = "nowhere"

ENDS = ("results", "failed", "cancelled")
WAITING = frozenset({"queue", "arriving", "attention"})
"""A file that was dropped shows in one of these sections."""


def shown_on(page: Path) -> dict[str, str]:
    """Return the section of the page in which each job is."""
    if not page.exists():
        return {}
    sections = re.findall(
        r'<section [^>]*aria-labelledby="(\w+)"(.*?)</section>', _text(page), re.DOTALL
    )
    return {
        name: section
        for section, text in sections
        for name in NAME.findall(text)
        if section != "requests"
    }


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


class Jobs:
    """Fifty pairs that come one after the other, some in halves, and end in all ways."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.chance = random.Random(16)
        self.ends_at: dict[str, float] = {}
        self.dropped: set[str] = set()
        self.cancelled: set[str] = set()
        self.mistaken: set[str] = set()
        """Those with a wrong sidecar."""
        harness.executor.answer = keep_running

    def drop(self, number: int) -> None:
        name = f"job-{number:02}"
        halves = [f"{name}.wav", f"{name}.mp4"]
        # Every seventh pair comes in halves: the other one with the next job.
        late = number % 7 == 3
        self.harness.drop(*halves[: 1 if late else 2])
        before = f"job-{number - 1:02}"
        if (self.harness.spool.inbox / f"{before}.wav").exists():
            self.harness.drop(f"{before}.mp4")
        if number % 9 == 4:
            (self.harness.spool.inbox / f"{name}.toml").write_text("crf = 'no'")
            self.mistaken.add(name)
        self.dropped.add(name)

    def cancel(self, number: int) -> None:
        (self.harness.spool.inbox / f"job-{number:02}.cancel").touch()

    def work(self) -> None:
        """Let the running job make progress, or end it when its time has come."""
        for job_id in self.harness.executor.busy.values():
            render = next(each for each in self.harness.executor.submitted if each.job_id == job_id)
            end = self.ends_at.setdefault(
                job_id, self.harness.clock.now + self.chance.choice((0.5, 4.0, 9.0))
            )
            if self.harness.clock.now < end:
                progress = Progress(job_id=job_id, stage="render", chunk=1, chunks=1, frames=5)
                self.harness.executor.emit_for_job(job_id, progress)
            elif self.chance.random() < 0.2:
                refusal = Refused(job_id=job_id, reason="There is no face.")
                self.harness.executor.emit_for_job(job_id, refusal)
            else:
                for message in rendered(render):
                    self.harness.executor.emit_for_job(job_id, message)

    def truth(self) -> dict[str, frozenset[str]]:
        """Return the sections in which each job must be now, from files and workers alone."""
        spool, found = self.harness.spool, {}
        folders = {path.name for path in spool.processing.iterdir()}
        running = set(self.harness.executor.busy.values())
        claimed = {self._title(identity): identity for identity in folders}
        for name in self.dropped:
            if (spool.outbox / f"{name}.mp4").exists():
                found[name] = frozenset({"results"})
            elif (spool.failed / name).exists():
                reason = (spool.failed / name / "reason.txt").read_text()
                found[name] = frozenset({"cancelled" if "cancelled by" in reason else "failed"})
            elif name in claimed and claimed[name] in running:
                found[name] = frozenset({"running"})
            elif name in claimed:
                found[name] = frozenset({"attention" if name in self.mistaken else "queue"})
            else:
                found[name] = WAITING
        return found

    def _title(self, identity: str) -> str:
        journal = (self.harness.spool.processing / identity / "job.json").read_text()
        match = re.search(r"job-\d\d", journal)
        return match[0] if match else ""


@pytest.fixture
def jobs(harness: ServiceHarness) -> Jobs:
    harness.spool.prepare()
    # Nothing wakes this service when a file comes or goes, as the watcher does.
    harness.configure(scan_seconds=0.5)
    return Jobs(harness)


def run_round(harness: ServiceHarness, jobs: Jobs, service: Service) -> None:
    jobs.work()
    service.run_round()
    harness.clock.now += ROUND_SECONDS


def test_the_page_follows_fifty_jobs_through_all_states(
    harness: ServiceHarness, jobs: Jobs
) -> None:
    service, rounds = harness.service(), 0
    kept = round(TRUE_WITHIN_SECONDS / ROUND_SECONDS)
    before: deque[dict[str, frozenset[str]]] = deque(maxlen=kept)
    seen: set[tuple[str, str]] = set()
    while rounds < 40 * JOBS and sum(section in ENDS for _, section in seen) < JOBS:
        if rounds % 8 == 0 and rounds // 8 < JOBS:
            jobs.drop(rounds // 8)
            if rounds // 8 % 10 == 8:
                jobs.cancel(rounds // 8 - 1)
        run_round(harness, jobs, service)
        rounds += 1
        before.append(jobs.truth())
        if len(before) < kept:
            continue
        shown = shown_on(harness.spool.root / "status.html")
        for name in jobs.dropped:
            # Nowhere is right for a job that was dropped less than three seconds ago.
            allowed = frozenset[str]().union(*(each.get(name, {NOWHERE}) for each in before))
            assert shown.get(name, NOWHERE) in allowed, (name, rounds, before[-1][name])
        seen |= set(shown.items())
    sections = {section for _, section in seen}
    assert sections == {"running", "queue", "arriving", "attention", *ENDS}
    assert len({name for name, section in seen if section in ENDS}) == JOBS
    assert len(harness.failed()) >= JOBS // 10, "some are refused, wrong or cancelled"
