"""What users name and drop, by mistake or on purpose: nothing leaves the spool, nothing is lost."""

import os
import socket
import stat
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.spool.retention import find_expired, purge

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

NAMES = [
    "王小明 新闻".encode(),
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
    stage: "ServiceHarness", stem: bytes
) -> None:
    names = [os.fsdecode(stem + extension) for extension in (b".wav", b".mp4")]
    stage.drop(*names)
    tally = stage.service().run_once()
    assert (tally.published, tally.failed, tally.left) == (1, 0, 0)
    assert len(stage.outbox()) == 3
    for name in stage.outbox():
        assert len(name.encode()) <= 255
        assert not set(name) & set(':<>|?*"\\\n\r\t\x1b')
    (kept,) = stage.spool.done.iterdir()
    inputs = {path.name: path.read_bytes() for path in kept.iterdir() if path.suffix != ".json"}
    assert inputs == {name: os.fsencode(name) for name in names}
    assert all(line.count("\n") == 1 and "\x1b" not in line for line in stage.log)


def test_rule_17_case_twins_and_earlier_results_never_overwrite_each_other(
    stage: "ServiceHarness",
) -> None:
    for _ in range(2):
        stage.drop("Talk.wav", "Talk.mp4", "talk.wav", "talk.mp4", "TALK.WAV", "TALK.MP4")
        assert stage.service().run_once().published == 3
    videos = [path for path in stage.spool.outbox.iterdir() if path.suffix == ".mp4"]
    assert len({path.name.casefold() for path in videos}) == 6
    contents = sorted(path.read_bytes() for path in videos)
    stems = (b"TALK.WAV", b"Talk.wav", b"talk.wav")
    assert contents == [b"video of " + stem for stem in stems for _ in range(2)]


def test_rule_13_links_pipes_sockets_and_devices_stay_where_they_are(
    stage: "ServiceHarness", tmp_path: Path
) -> None:
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(b"secret")
    stage.drop("link.wav", "pipe.wav", "socket.wav", "device.wav", "folder.wav")
    inbox = stage.spool.inbox
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
    service = stage.service()
    stage.run_rounds(service, 60)
    assert {path.name for path in inbox.iterdir()} == before
    assert stage.executor.submitted == []
    assert stage.logged("WARNING is neither an audio nor a video file") == 3 + (os.geteuid() == 0)
    assert outside.read_bytes() == b"secret"


def test_a_hard_link_takes_nothing_from_the_file_outside(
    stage: "ServiceHarness", tmp_path: Path
) -> None:
    outside = tmp_path / "precious.mp4"
    outside.write_bytes(b"precious")
    outside.chmod(0o600)
    before = outside.stat()
    stage.drop("talk.wav")
    os.link(outside, stage.spool.inbox / "talk.mp4")
    assert stage.service().run_once().published == 1
    stage.clock.now += 30 * 86_400
    gone = [
        each
        for each in purge(stage.spool, find_expired(stage.spool, stage.clock.wall(), 7))
        if each
    ]
    assert gone
    after = outside.stat()
    assert outside.read_bytes() == b"precious"
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert after.st_nlink == 1


@pytest.mark.parametrize("name", ["../../escape", "/etc/escape", "..", "a/b", ""])
def test_a_journal_that_leads_out_of_the_spool_is_set_aside(
    stage: "ServiceHarness", name: str
) -> None:
    stage.executor.answer = lambda render: []
    stage.drop("talk.wav", "talk.mp4")
    service = stage.service()
    stage.run_rounds(service, 10)
    (folder,) = stage.spool.processing.iterdir()
    journal = folder / "job.json"
    journal.write_text(journal.read_text().replace('"name": "talk"', f'"name": "{name}"'))
    service._open_resources.close()
    stage.service().run_round()
    assert stage.processing() == 0
    (aside,) = stage.spool.failed.iterdir()
    assert (aside / "audio.wav").read_bytes() == b"talk.wav"
    assert not list(stage.spool.root.parent.glob("escape*"))


def test_a_clock_that_is_set_settles_nothing_early_or_late(stage: "ServiceHarness") -> None:
    service = stage.service()
    service.run_round()
    stage.drop("talk.wav", "talk.mp4")
    for years in (5, -30, 0):
        stage.clock.skew = years * 365 * 86_400.0
        stage.run_rounds(service, 1.5)
        assert stage.executor.submitted == []
    stage.run_rounds(service, 3)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]


def test_rule_4_what_was_dropped_while_the_daemon_was_down_settles_like_the_rest(
    stage: "ServiceHarness",
) -> None:
    stage.drop("talk.wav", "talk.mp4")
    for path in stage.spool.inbox.iterdir():
        os.utime(path, (0, 0))
    service = stage.service()
    stage.run_rounds(service, 4)
    assert stage.processing() == 0
    stage.run_rounds(service, 3)
    assert stage.outbox() == ["talk.json", "talk.mp4", "talk.png"]
