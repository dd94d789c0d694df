"""Halves of a pair that come hours apart, and files that somebody exchanges."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.service.arrivals import SECOND_NS, Arrivals, split_late
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.spool.formats import MediaKind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from tests.fakes.service import ServiceHarness

INBOX = Path("/spool/inbox")
HOUR = 3600
ANNA, BEN = 4_000_001, 4_000_002
"""User ids without a name."""


def entry(name: str, hours: float, inode: int = 0, owner: int = 1000) -> FileEntry:
    kinds: dict[str, MediaKind] = {".wav": "audio", ".mp4": "video"}
    at = round(hours * HOUR * SECOND_NS)
    return FileEntry(INBOX / name, kinds.get(name[-4:]), 10, at, at, inode or hash(name), 1, owner)


def held(
    *entries: FileEntry, arrivals: Arrivals | None = None, ready: frozenset[str] = frozenset()
) -> list[str]:
    """Return why the pair ``talk`` waits."""
    media = tuple(each for each in entries if each.kind)
    sidecars = tuple(each for each in entries if each.kind is None)
    snapshot = FolderSnapshot(
        media, ready, sidecars=sidecars, marker_owners=dict.fromkeys(ready, 1000)
    )
    sidecar = sidecars[0].path if sidecars else None
    pair = Pair("talk", INBOX / "talk.wav", INBOX / "talk.mp4", sidecar)
    seen = arrivals or Arrivals()
    candidates = [Candidate("talk", pair, 0, 1)]
    kept, late = split_late(candidates, snapshot, seen, 60.0, {0})
    assert [*kept, *(candidate for candidate, _ in late)] == candidates
    return [notice.reason for _, notice in late]


def test_halves_that_came_hours_apart_wait_and_say_why() -> None:
    (reason,) = held(entry("talk.wav", 1), entry("talk.mp4", 3))
    assert "talk.wav came at 1970-01-01 " in reason
    assert "more than 60 min apart" in reason
    assert "talk.ready" in reason
    assert held(entry("talk.wav", 3), entry("talk.mp4", 1))
    assert held(entry("talk.wav", 1), entry("talk.mp4", 1.9)) == []


def test_a_new_copy_a_marker_or_a_sidecar_of_now_lets_them_go_on() -> None:
    old, new = entry("talk.wav", 1), entry("talk.mp4", 3)
    assert held(replace(old, ctime_ns=new.ctime_ns), new) == []
    assert held(old, new, ready=frozenset({"talk"})) == []
    assert held(old, new, ready=frozenset({"talk.wav"}))
    assert held(old, new, entry("talk.toml", 3.1)) == []
    assert held(old, new, entry("talk.toml", 1))


def test_the_copy_of_a_long_video_counts_from_its_beginning() -> None:
    sound, video = entry("talk.wav", 1), entry("talk.mp4", 4, inode=7)
    arrivals = Arrivals()
    draft = FolderSnapshot((sound,), draft_sizes={7: 5})
    arrivals.observe(FolderSnapshot(()), draft, 1.2 * HOUR)
    arrivals.observe(draft, FolderSnapshot((sound, video)), 4 * HOUR)
    assert held(sound, video, arrivals=arrivals) == []


def test_a_file_that_another_user_put_there_is_reported() -> None:
    arrivals = Arrivals()
    first, second = entry("talk.wav", 1, 1, ANNA), entry("talk.wav", 1, 2, BEN)
    before, after = FolderSnapshot((first,)), FolderSnapshot((second,))
    arrivals.observe(FolderSnapshot(()), before, 1.0)
    arrivals.observe(before, after, 2.0, {0})
    arrivals.observe(after, after, 3.0, {0})
    (notice,) = arrivals.exchanged()
    assert notice.name == "talk.wav"
    assert notice.is_warning
    assert f"it came from user {ANNA}, and is now user {BEN}'s" in notice.reason
    arrivals.observe(after, FolderSnapshot(()), 4.0, {0})
    assert list(arrivals.exchanged()) == []
    arrivals.observe(before, FolderSnapshot((entry("talk.wav", 1, 3, 0),)), 5.0, {0})
    assert list(arrivals.exchanged()) == []


def test_a_late_half_waits_until_its_owner_says_that_it_belongs(harness: ServiceHarness) -> None:
    harness.clock.wall_offset = 4e9  # later than the files' own times
    harness.configure(pair_minutes=0.01, folders={"anna": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    anna = harness.spool.inbox / "anna"
    harness.drop("talk.wav", "other.wav")
    (anna / "talk.wav").write_bytes(b"content")
    time.sleep(0.8)
    harness.drop("talk.mp4", "other.mp4")
    (anna / "talk.mp4").write_bytes(b"content")
    harness.run_rounds(service, 20)
    assert harness.outbox() == ["anna"]
    assert (harness.spool.outbox / "anna" / "talk.mp4").exists()
    waiting = {each.name: each for each in harness.status().inbox}
    assert sorted(waiting) == ["other", "talk"]
    assert waiting["talk"].waits_for == "attention"
    assert harness.logged("more than 0.01 min apart") == 2
    harness.drop("talk.ready")
    os.utime(harness.spool.inbox / "other.wav")
    os.utime(harness.spool.inbox / "other.mp4")
    harness.run_rounds(service, 20)
    assert {"talk.mp4", "other.mp4"} <= set(harness.outbox())
    report = json.loads((harness.spool.outbox / "talk.json").read_text())
    assert report["dropped_by"]["uid"] == os.geteuid()
    assert harness.logged(f"dropped by {report['dropped_by']['name']}") == 3


@pytest.mark.parametrize("minutes", [0.0, 60.0])
def test_nothing_is_held_where_it_is_off(minutes: float) -> None:
    halves = (entry("talk.wav", 1), entry("talk.mp4", 3))
    pair = Pair("talk", halves[0].path, halves[1].path)
    candidates = [Candidate("talk", pair, 0, 1), Candidate("show", INBOX / "show", 0, 1)]
    kept, notices = split_late(candidates, FolderSnapshot(halves), Arrivals(), minutes, {0})
    assert len(kept) == (2 if minutes == 0 else 1)
    assert len(notices) == (0 if minutes == 0 else 1)
