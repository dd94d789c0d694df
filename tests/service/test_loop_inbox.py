"""What the service does with the files in its inbox: settling, pairing, sidecars, names."""

import json
import os
import shutil

import pytest

from heygem_daemon.spool.settle import JUST_STARTED
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness


def test_a_pair_is_left_alone_until_it_is_settled(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 4)
    assert harness.executor.submitted == []
    assert {each.name for each in harness.status().inbox} == {"talk.wav", "talk.mp4"}
    harness.run_rounds(service, 4)
    assert len(harness.executor.submitted) == 1


@pytest.mark.parametrize("stem", [b"a\xffb", b"line\nbreak", "王 🎬 'x'".encode(), b"-rf"])
def test_any_name_gets_through(harness: ServiceHarness, stem: bytes) -> None:
    name = os.fsdecode(stem)
    harness.drop(f"{name}.wav", f"{name}.mp4", f"{name} lone.wav")
    service = harness.service()
    harness.run_rounds(service, 12)
    (result,) = [path for path in harness.spool.outbox.iterdir() if path.suffix == ".json"]
    json.loads(result.read_bytes().decode("utf-8"))
    assert harness.status().finished[0].outcome == "published"
    assert "lone.wav" in harness.status().inbox[0].name
    assert all(line.count("\n") == 1 for line in harness.log)


def test_a_lone_file_is_reported_once_and_waits(harness: ServiceHarness) -> None:
    harness.configure(lone_file_minutes=1)
    harness.drop("talk.wav")
    service = harness.service()
    harness.run_rounds(service, 30)
    assert harness.logged("has no video") == 0
    assert "has no video" in harness.status().inbox[0].reason
    harness.run_rounds(service, 120)
    assert harness.logged("WARNING has no video of the same name beside it") == 1
    harness.drop("talk.mp4")
    harness.run_rounds(service, 20)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_without_patience_a_lone_file_is_reported_when_it_is_settled(
    harness: ServiceHarness,
) -> None:
    harness.configure(lone_file_minutes=0)
    harness.drop("talk.wav", "other.wav", "other.mp4")
    summary = harness.service().run_once()
    assert (summary.published, summary.left, summary.hold) == (1, 0, None)
    assert harness.logged("has no video") == 1
    assert [path.name for path in harness.spool.inbox.iterdir()] == ["talk.wav"]


def test_strange_things_in_the_inbox_are_said_once(harness: ServiceHarness) -> None:
    harness.drop("old.rm", "a.wav", "a.mp3", "a.mp4")
    (harness.spool.inbox / "batch").mkdir()
    harness.configure(lone_file_minutes=0.2)
    harness.run_rounds(harness.service(), 30)
    assert harness.logged("WARNING is RealMedia, which cannot be used: convert it to mp4") == 1
    assert harness.logged("is a folder that holds neither audio nor video") == 1
    assert harness.logged("cannot be paired") == 3


def test_the_status_alone_says_what_is_no_medium(harness: ServiceHarness) -> None:
    names = ("notes.docx", "read me.txt", "scan.pdf", "Thumbs.db", "desktop.ini", ".DS_Store")
    harness.drop(*names, "~$notes.docx", "talk.mp4.crdownload", "unknown")
    service = harness.service()
    harness.run_rounds(service, 60)
    named = {each.name: each.waits_for for each in harness.status().inbox}
    assert named == {
        **dict.fromkeys(("notes.docx", "read me.txt", "scan.pdf", "unknown")),
        "talk.mp4.crdownload": "upload",
    }
    assert harness.logged("WARNING") == 0
    assert len(list(harness.spool.inbox.iterdir())) == len(names) + 3


def test_an_upload_brings_the_next_look_forward(harness: ServiceHarness) -> None:
    harness.configure(scan_seconds=30, settle_seconds=0)
    service = harness.service()
    service.run_round()
    harness.drop("talk.wav")
    harness.run_rounds(service, 5)
    assert harness.status().inbox == ()
    service.inbox_changed()
    harness.run_rounds(service, 3)
    assert [each.name for each in harness.status().inbox] == ["talk.wav"]


def test_a_pair_that_vanishes_before_the_claim_is_no_trouble(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.executor.answer = keep_running
    for name in ("a", "b", "c", "d"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    harness.run_rounds(service, 10)
    for path in list(harness.spool.inbox.iterdir()):
        path.unlink()
    harness.run_rounds(service, 5)
    assert harness.status().hold is None
    shutil.rmtree(harness.spool.root)


def test_a_sidecar_changes_its_own_job_alone(harness: ServiceHarness) -> None:
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    (harness.spool.inbox / "b.toml").write_text("crf = 30\nloop = 'freeze'")
    assert harness.service().run_once().published == 2
    options = [render.options for render in harness.executor.submitted]
    assert [(each.crf, each.loop) for each in options] == [(18, "pingpong"), (30, "freeze")]


def test_a_wrong_sidecar_fails_its_job_alone_before_any_attempt(harness: ServiceHarness) -> None:
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    (harness.spool.inbox / "a.toml").write_text('strip = true\nface = "middle"\n')
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (1, 1, 0)
    reason = (harness.spool.failed / "a" / "reason.txt").read_text()
    assert 'a.toml, line 2: face = "middle": must be' in reason
    assert "Attempts:   0" in reason
    assert harness.logged("ERROR failed: a.toml, line 2") == 1


def test_a_sidecar_that_comes_too_late_is_kept_and_reported(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.service().run_once()
    (harness.spool.inbox / "talk.toml").write_text("crf = 30")
    harness.configure(lone_file_minutes=0.0)
    summary = harness.service().run_once()
    assert (summary.published, summary.left) == (0, 0)
    assert (harness.spool.inbox / "talk.toml").exists()
    assert harness.logged("has no audio and video of the same name beside it") == 1


def test_a_lone_sidecar_with_a_mistake_is_told_once(harness: ServiceHarness) -> None:
    harness.drop("big.toml", "fine.toml")
    (harness.spool.inbox / "big.toml").write_text("#" * 5000)
    (harness.spool.inbox / "fine.toml").write_text("crf = 30\n")
    service = harness.service()
    harness.run_rounds(service, 8)
    told = {each.name: each for each in harness.status().inbox}
    assert len(harness.status().inbox) == len(told) == 2
    waits = "has no audio and video of the same name beside it"
    assert all(each.reason.startswith(waits) for each in told.values())
    assert told["big.toml"].remedy == "big.toml is no sidecar: it is longer than 4096 bytes."
    assert told["fine.toml"].remedy == ""
    harness.clock.now += 3600
    service.run_round()
    assert harness.logged("WARNING") == 2, "the other one once it waits for long"


def test_a_daemon_that_has_just_started_says_that_it_looks(harness: ServiceHarness) -> None:
    """Complete pairs were called not complete, and changed lately."""
    harness.configure(language="en")
    harness.executor.answer = keep_running
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4")
    harness.drop_batch("show", "1.wav", "1.mp4")
    service = harness.service()
    harness.run_rounds(service, 1)
    status = harness.status()
    assert {each.waits_for for each in status.inbox} == {"look"}
    assert {each.reason for each in status.inbox} == {JUST_STARTED}
    assert status.backlog.sentence() == "7 files are looked at"
    text = (harness.spool.root / "status.txt").read_text()
    looks = "\nIn the inbox, being looked at\n"
    section = text.partition(looks)[2].partition("\n\n")[0]
    said = [line.strip().split(": ") for line in section.splitlines()]
    assert {reason for _, reason in said} == {JUST_STARTED}
    listed = [set(names.split(", ")) for names, _ in said]
    assert {"a.mp4", "a.wav"} in listed
    assert {"show"} in listed
    assert len(listed) == 4
    assert "In the inbox, not complete yet\n  -\n" in text
    assert "changed lately" not in text
    assert "being looked at" in (harness.spool.root / "status.html").read_text()
    (harness.spool.inbox / "b.mp4").write_bytes(b"another version")
    harness.drop("new.wav")
    harness.run_rounds(service, 1)
    found = {each.name: (each.waits_for, each.reason) for each in harness.status().inbox}
    changed = ("upload", "it has changed lately")
    assert found["b.mp4"] == found["new.wav"] == changed, "that is known"
    assert found["c.mp4"] == ("look", JUST_STARTED)
    harness.run_rounds(service, 20)
    assert all(each.waits_for != "look" for each in harness.status().inbox)
    assert looks not in (harness.spool.root / "status.txt").read_text()
