"""Hot folders in a running service: profiles, caps, turns, reloads, and what may go wrong."""

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from heygem_daemon.config.folders import FolderProfile, HotFolder, PriorityCaps
from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.language.translator import translator
from heygem_daemon.service.candidates import Candidate, in_hot_folder, sort_candidates
from heygem_daemon.service.contents import ContentProbe
from heygem_daemon.service.probe_queue import line_of
from heygem_daemon.service.shared_probe import SharedProbe
from heygem_daemon.service.turns import FairnessKey
from heygem_daemon.spool.hot_folders import PARTS
from heygem_daemon.spool.layout import names_in
from heygem_daemon.system import paths
from tests.fakes.service import ServiceHarness

SETTLED = 30.0
"""Seconds in which everything that was dropped is done."""


def drop_in(harness: ServiceHarness, folder: str, *names: str) -> Path:
    inbox = harness.spool.root / "inbox" / folder
    inbox.mkdir(parents=True, exist_ok=True)
    for name in names or ("talk.wav", "talk.mp4"):
        (inbox / name).write_bytes(os.fsencode(name))
    return inbox


def results(harness: ServiceHarness) -> set[str]:
    outbox = harness.spool.root / "outbox"
    return {str(each.relative_to(outbox)) for each in outbox.rglob("*.mp4")}


def test_what_is_dropped_in_a_folder_gets_its_profile_and_stays_in_it(
    harness: ServiceHarness,
) -> None:
    harness.configure(folders={"anna": {"face": "left", "crf": 30}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    for part in PARTS:
        assert sorted(names_in(harness.spool.root / part)) == ["anna", "ben"]
    inbox = drop_in(harness, "anna")
    (inbox / "talk.toml").write_text('face = "right"\n')
    drop_in(harness, "ben")
    harness.drop("talk.wav", "talk.mp4")
    drop_in(harness, "anna/show", "1.wav", "1.mp4")
    drop_in(harness, "anna", "early.wav", "early.mp4", "early.ready")
    harness.run_rounds(service, SETTLED)
    assert results(harness) == {
        "anna/talk.mp4", "anna/early.mp4", "anna/show/1.mp4", "ben/talk.mp4", "talk.mp4",
    }  # fmt: skip
    done = harness.spool.root / "done"
    assert (done / "anna" / "talk" / "talk.toml").is_file()
    orders = {(each.options.face, each.options.crf) for each in harness.executor.submitted}
    assert orders == {("right", 30), ("left", 30), ("largest", 18)}
    assert {each.name for each in harness.status().finished} >= {"anna/talk", "ben/talk", "talk"}
    assert {each.path for each in harness.status().finished} >= {"outbox/anna/talk.mp4"}
    assert harness.status().inbox == ()


def test_status_and_log_say_in_which_folder_something_waits(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}}, lone_file_minutes=0.0)
    service = harness.service()
    harness.run_rounds(service, 2)
    drop_in(harness, "anna", "talk.wav", "old.avs")
    harness.run_rounds(service, SETTLED)
    assert "anna/talk.wav" in {each.name for each in harness.status().inbox}
    assert harness.logged("anna/talk.wav") == 1


def test_folders_take_turns_whoever_owns_their_files(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    for number in range(4):
        drop_in(harness, "anna", f"a{number}.wav", f"a{number}.mp4")
    drop_in(harness, "ben", "b.wav", "b.mp4")
    harness.run_rounds(service, SETTLED)
    finished = [each.name for each in reversed(harness.status().finished)]
    assert "ben/b" in finished[:3]


def test_no_sidecar_gets_beyond_the_cap_of_its_folder(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {"max_priority": 5}})
    service = harness.service()
    harness.run_rounds(service, 2)
    harness.executor.answer = lambda _render: []
    inbox = drop_in(harness, "anna")
    (inbox / "talk.toml").write_text("priority = 90\n")
    harness.run_rounds(service, SETTLED)
    (job,) = harness.status().jobs
    assert (job.name, job.priority) == ("anna/talk", 5)


def test_a_reload_adds_and_removes_folders_and_finishes_their_jobs(
    harness: ServiceHarness,
) -> None:
    service = harness.service()
    harness.run_rounds(service, 2)
    harness.configure(folders={"anna": {}})
    service.request_reload()
    harness.run_rounds(service, 2)
    answer, harness.executor.answer = harness.executor.answer, lambda _render: []
    drop_in(harness, "anna")
    harness.run_rounds(service, SETTLED)
    (running,) = service._dispatcher.attempts.running
    harness.configure(folders={})
    service.request_reload()
    drop_in(harness, "anna", "late.wav", "late.mp4")
    harness.run_rounds(service, SETTLED)
    harness.kill(service)
    harness.executor.answer = answer
    again = harness.service()
    harness.run_rounds(again, SETTLED)
    assert running.job.title == "anna/talk"
    assert results(harness) == {"anna/talk.mp4"}
    assert sorted(names_in(harness.spool.root / "inbox" / "anna")) == ["late.mp4", "late.wav"]
    (notice,) = harness.status().inbox
    assert (notice.name, notice.waits_for) == ("anna", "attention")
    assert "not in the configuration any more" in notice.reason
    harness.configure(folders={"anna": {}})
    again.request_reload()
    harness.run_rounds(again, SETTLED)
    assert results(harness) == {"anna/talk.mp4", "anna/late.mp4"}


@pytest.mark.parametrize("part", PARTS)
def test_a_folder_that_cannot_be_used_stops_nobody_else(
    harness: ServiceHarness, part: str, tmp_path: Path
) -> None:
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    (harness.spool.root / part / "anna").rename(tmp_path / "anna")
    (harness.spool.root / part / "anna").symlink_to(tmp_path)
    drop_in(harness, "ben")
    (tmp_path / "x.wav").write_bytes(b"x")
    (tmp_path / "x.mp4").write_bytes(b"x")
    harness.run_rounds(service, SETTLED)
    assert results(harness) == {"ben/talk.mp4"}
    status = harness.status()
    assert status.hold is None
    (notice,) = status.inbox
    assert notice.name == "anna"
    assert f"{part}/anna is not the folder that the daemon made" in notice.reason
    assert harness.logged("is not the folder that the daemon made") == 1
    (harness.spool.root / part / "anna").unlink()
    (tmp_path / "anna").rename(harness.spool.root / part / "anna")
    drop_in(harness, "anna")
    harness.run_rounds(service, SETTLED)
    assert results(harness) == {"anna/talk.mp4", "ben/talk.mp4"}


@pytest.mark.parametrize("is_former", [False, True])
def test_a_hot_folder_that_cannot_be_read_is_named_and_the_others_are_served(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, is_former: bool
) -> None:
    """Simulated, since root may read everything."""
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    listing = paths.listing

    def refuse(path: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if path == harness.spool.root / "inbox" / "anna":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listing(path)

    monkeypatch.setattr(paths, "listing", refuse)
    if is_former:
        harness.configure(folders={"ben": {}})
        service.request_reload()
    drop_in(harness, "ben")
    harness.run_rounds(service, SETTLED)
    assert results(harness) == {"ben/talk.mp4"}
    status = harness.status()
    assert status.hold is None
    (notice,) = status.inbox
    assert notice.name == "anna"
    if not is_former:
        assert notice.reason == (
            "cannot be used: the service's user lacks the permission for a step"
        )
        assert translator("zh").knows(notice.reason)


def test_once_works_off_every_folder(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    drop_in(harness, "anna")
    harness.kill(service)
    assert harness.service().run_once().published == 1
    assert results(harness) == {"anna/talk.mp4"}


def test_a_profile_decides_priority_and_engine_of_a_candidate() -> None:
    profile = FolderProfile(priority=50, max_priority=60, engine="builtin")
    found = in_hot_folder(Candidate("talk", Path("show"), 0, 1), HotFolder("anna", profile))
    assert (found.title, found.priority, found.engines) == ("anna/talk", 50, frozenset({"builtin"}))
    assert found.key == FairnessKey("folder anna", "inbox/anna/talk")
    (capped,) = sort_candidates([found], PriorityCaps(100, {"anna": 10}))
    assert capped.priority == 10


def test_the_files_of_a_folder_wait_in_its_line_for_the_probe() -> None:
    inbox, folders = Path("/spool/inbox"), {"anna"}
    assert line_of(inbox / "a.wav", 7, inbox, folders) == FairnessKey("uid 7")
    assert line_of(inbox / "show/a.wav", 7, inbox, folders) == FairnessKey("uid 7", "inbox/show")
    assert line_of(inbox / "anna/a.wav", 7, inbox, folders) == FairnessKey("folder anna")
    in_batch = line_of(inbox / "anna/show/a.wav", 7, inbox, folders)
    assert in_batch == FairnessKey("folder anna", "inbox/anna/show")


def test_inboxes_that_share_a_probe_get_their_own_answers() -> None:
    plain = Path("/spool/inbox")
    answers = [
        {(plain / each, 1, 1): MediaContent() for each in ("a.wav", "show/b.wav", "anna/c.wav")},
        {(plain / "anna" / "show" / "d.wav", 1, 1): MediaContent()},
    ]
    preferred: list[object] = []
    probe = SharedProbe(
        ContentProbe(
            take_contents=lambda: answers.pop(0) if answers else {}, prefer=preferred.append
        ),
        plain,
    )
    ours, hers = probe.add(plain), probe.add(plain / "anna")
    assert {each[0].name for each in ours.take_contents()} == {"a.wav", "b.wav"}
    assert {each[0].name for each in hers.take_contents()} == {"c.wav", "d.wav"}
    ours.prefer({plain / "a.wav"})
    hers.prefer({plain / "anna" / "c.wav"})
    assert plain / "a.wav" in preferred[-1]  # type: ignore[operator]
    assert plain / "anna" / "c.wav" in preferred[-1]  # type: ignore[operator]


def test_a_request_acts_on_the_jobs_of_its_own_folder_within_its_cap(
    harness: ServiceHarness,
) -> None:
    harness.configure(folders={"anna": {"max_priority": 20}})
    harness.executor.answer = lambda _render: []
    service = harness.service()
    harness.run_rounds(service, 2)
    for folder in ("", "anna"):
        for name in ("first", "talk"):
            drop_in(harness, folder, f"{name}.wav", f"{name}.mp4")
    harness.run_rounds(service, SETTLED)
    anna = harness.spool.inbox / "anna"
    (anna / "talk.hurry").touch()
    harness.run_rounds(service, 5)
    ready = {each.title: each for each in service._claims.view.ready}  # type: ignore[union-attr]
    queued = {each.job.title: each for each in service._dispatcher.snapshot().queued}
    priorities = {name: each.priority for name, each in {**ready, **queued}.items()}
    assert priorities["anna/talk"] == 20
    assert priorities["talk"] == 0
    for name in ("talk.cancel", "first.cancel", "nothing.cancel"):
        (anna / name).touch()
    harness.run_rounds(service, SETTLED)
    failed = harness.spool.root / "failed"
    assert "talk" in names_in(failed / "anna")
    assert names_in(failed) == ["anna"]
    assert names_in(harness.spool.root / "inbox" / "anna") == []
    shown = {each.name for each in harness.status().requests}
    assert shown == {
        "anna/talk.hurry",
        "anna/talk.cancel",
        "anna/first.cancel",
        "anna/nothing.cancel",
    }
