"""Strange names and files in the inbox: nothing leaves the spool, and nothing is lost."""

import os
import socket
import stat
import unicodedata
from pathlib import Path

import pytest

from heygem_daemon.spool.retention import find_expired, purge
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness

NAMES = [
    "王小明 新闻".encode(),
    "王小明\u3000新闻\u00a0一".encode(),
    "👩‍👩‍👧 🎬".encode(),
    unicodedata.normalize("NFD", "Größe").encode(),
    b"x" * 251,
    "é".encode() * 125,
    b"caf\xe9 \xff\xfe",
    b"line\nbreak\ttab\x1b[2J",
    b"-rf --help",
    b"'\"`$(id); &| <>*?",
    b"a:b\\c",
    b" blank and dot. .",
    b"con",
    b"%s {0} <red>",
    b"a..",
    b"talk.mp4",
]


@pytest.mark.parametrize("stem", NAMES, ids=ascii)
def test_rule_17_every_name_is_rendered_published_and_kept_to_the_byte(
    harness: ServiceHarness, stem: bytes
) -> None:
    names = [os.fsdecode(stem + extension) for extension in (b".wav", b".mp4")]
    harness.drop(*names)
    summary = harness.service().run_once()
    assert (summary.published, summary.failed, summary.left) == (1, 0, 0)
    assert len(harness.outbox()) == 3
    for name in harness.outbox():
        assert len(name.encode()) <= 255
        assert not set(name) & set(':<>|?*"\\\n\r\t\x1b')
    (job,) = harness.status().finished
    assert (harness.spool.root / job.path).is_file(), "the page leads there"
    (kept,) = harness.spool.done.iterdir()
    inputs = {path.name: path.read_bytes() for path in kept.iterdir() if path.suffix != ".json"}
    assert inputs == {name: os.fsencode(name) for name in names}
    assert all(line.count("\n") == 1 and "\x1b" not in line for line in harness.log)


def test_rule_17_case_twins_and_earlier_results_never_overwrite_each_other(
    harness: ServiceHarness,
) -> None:
    for _ in range(2):
        harness.drop("Talk.wav", "Talk.mp4", "talk.wav", "talk.mp4", "TALK.WAV", "TALK.MP4")
        assert harness.service().run_once().published == 3
    videos = [path for path in harness.spool.outbox.iterdir() if path.suffix == ".mp4"]
    assert len({path.name.casefold() for path in videos}) == 6
    contents = sorted(path.read_bytes() for path in videos)
    stems = (b"TALK.WAV", b"Talk.wav", b"talk.wav")
    assert contents == [b"video of " + stem for stem in stems for _ in range(2)]


def test_rule_13_links_pipes_sockets_and_devices_stay_where_they_are(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(b"secret")
    harness.drop("link.wav", "pipe.wav", "socket.wav", "device.wav", "folder.wav")
    inbox = harness.spool.inbox
    (inbox / "link.mp4").symlink_to(outside)
    os.mkfifo(inbox / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(inbox)  # the path of a socket is short
        listener.bind("socket.mp4")
        os.chdir(here)
    if os.geteuid() == 0:
        os.mknod(inbox / "device.mp4", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    before = {path.name for path in inbox.iterdir()}
    service = harness.service()
    harness.run_rounds(service, 60)
    assert {path.name for path in inbox.iterdir()} == before
    assert harness.executor.submitted == []
    assert harness.logged("WARNING is a link, a pipe or a device") == 3 + (os.geteuid() == 0)
    assert outside.read_bytes() == b"secret"


def test_a_hard_link_takes_nothing_from_the_file_outside(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    outside = tmp_path / "precious.mp4"
    outside.write_bytes(b"precious")
    outside.chmod(0o600)
    before = outside.stat()
    harness.drop("talk.wav")
    os.link(outside, harness.spool.inbox / "talk.mp4")
    assert harness.service().run_once().published == 1
    harness.clock.now += 30 * 86_400
    gone = [
        each
        for each in purge(harness.spool, find_expired(harness.spool, harness.clock.wall(), 7))
        if each
    ]
    assert gone
    after = outside.stat()
    assert outside.read_bytes() == b"precious"
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert after.st_nlink == 1


@pytest.mark.parametrize("name", ["../../escape", "/etc/escape", "..", "a/b", ""])
def test_a_journal_that_leads_out_of_the_spool_is_set_aside(
    harness: ServiceHarness, name: str
) -> None:
    harness.executor.answer = keep_running
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    (folder,) = harness.spool.processing.iterdir()
    journal = folder / "job.json"
    journal.write_text(journal.read_text().replace('"name": "talk"', f'"name": "{name}"'))
    harness.kill(service)
    harness.service().run_round()
    assert harness.processing() == 0
    (aside,) = harness.spool.failed.iterdir()
    assert (aside / "audio.wav").read_bytes() == b"talk.wav"
    assert not list(harness.spool.root.parent.glob("escape*"))


def test_a_clock_that_is_set_settles_nothing_early_or_late(harness: ServiceHarness) -> None:
    service = harness.service()
    service.run_round()
    harness.drop("talk.wav", "talk.mp4")
    first_offset = harness.clock.wall_offset
    for years in (5, -30, 0):
        harness.clock.wall_offset = first_offset + years * 365 * 86_400.0
        harness.run_rounds(service, 1.5)
        assert harness.executor.submitted == []
    harness.run_rounds(service, 3)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_rule_4_what_was_dropped_while_the_daemon_was_down_settles_like_the_rest(
    harness: ServiceHarness,
) -> None:
    harness.drop("talk.wav", "talk.mp4")
    for path in harness.spool.inbox.iterdir():
        os.utime(path, (0, 0))
    service = harness.service()
    harness.run_rounds(service, 4)
    assert harness.processing() == 0
    harness.run_rounds(service, 3)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
