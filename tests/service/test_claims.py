"""Claims what the last scan has found, unless it has changed since."""

import os
from collections import Counter

import pytest

from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.claims import MAX_MISSED
from heygem_daemon.service.inboxes import Inboxes
from tests.fakes.executor import FakeExecutor, keep_running
from tests.fakes.service import ServiceHarness

ANNA, MALLORY = 70_002, 70_003


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_who_touches_many_files_all_the_time_keeps_nobody_waiting(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: Counter[int] = Counter()
    look_again = Inboxes.look_again

    def touched(inboxes: Inboxes, candidate: Candidate, now: float) -> Candidate | None:
        looks[candidate.owner] += 1
        return None if candidate.owner == MALLORY else look_again(inboxes, candidate, now)

    monkeypatch.setattr(Inboxes, "look_again", touched)
    harness.executor = FakeExecutor(keep_running, now=harness.clock.monotonic)
    harness.drop(*(f"{number}{end}" for number in range(40) for end in (".wav", ".mp4")))
    for path in harness.spool.inbox.iterdir():
        os.chown(path, MALLORY, -1)
    service = harness.service()
    harness.run_rounds(service, 10.0)
    harness.drop("talk.wav", "talk.mp4")
    for name in ("talk.wav", "talk.mp4"):
        os.chown(harness.spool.inbox / name, ANNA, -1)
    for _ in range(40):
        before = looks[MALLORY]
        harness.run_rounds(service, 0.25)
        assert looks[MALLORY] - before <= MAX_MISSED
    assert looks[MALLORY] > 40, "the others come again"
    assert looks[ANNA] == 1
    assert [each.name for each in harness.status().jobs] == ["talk"]
