"""A real network share: Samba with the shipped configuration, and smbclient as the user."""

import hashlib
import json
import os
import pwd
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.samba import SHARES, Client, missing, shared
from tests.fakes.accounts import accounts, common_group, ordinary

LACK = missing()
pytestmark = [
    pytest.mark.share,
    pytest.mark.skipif(LACK is not None, reason=str(LACK)),
]

PROGRAM = Path(__file__).parent.parent / "cli" / "program.py"
SETTLE_SECONDS = 0.5
PATIENCE_SECONDS = 180.0
"""How long a test waits for what must come: longer than a worker that does not stop may take."""
VIDEO_BYTES = 100_000
BYTES_A_SECOND = 40_000
"""Speed of the uploads, at which the video takes five times the quiet period."""


@dataclass(frozen=True)
class Share:
    """A spool with a running daemon, and clients that access it only over the network."""

    spool: Path
    client: Client
    """One user."""
    other: Client
    """Another user."""
    local: Path

    def video(self) -> Path:
        """Return a file to upload. The fake worker publishes it unchanged."""
        path = self.local / "video.mp4"
        path.write_bytes(random.Random(5).randbytes(VIDEO_BYTES))
        return path

    def sound(self) -> Path:
        path = self.local / "sound.wav"
        path.write_text("render")
        return path

    def wait_for(self, name: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while f" {name} " not in self.client.run("outbox", "ls"):
            assert time.monotonic() < deadline, self.client.run("inbox", "ls")
            time.sleep(0.1)


@pytest.fixture(scope="module", params=[False, True], ids=["as shipped", "with the lines for Macs"])
def running(request: pytest.FixtureRequest) -> Iterator[Share]:
    """One daemon and one server for all tests of a configuration: starting them takes longer than
    most tests do."""
    with running_share(with_options=request.param) as made:
        yield made


@pytest.fixture
def share(running: Share) -> Iterator[Share]:
    """The share, with empty folders."""
    yield running
    empty(running.spool / "inbox")
    wait_until(lambda: not list((running.spool / "processing").iterdir()))
    for name in SHARES:
        empty(running.spool / name)
    empty(running.local)


def empty(folder: Path) -> None:
    """Delete what is in a folder; the daemon may be taking some of it."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def running_share(
    *, with_options: bool = False, rights: str = "-all,+lease", apart: bool = False
) -> Iterator[Share]:
    """Run a daemon with no more than these rights, and serve its spool to two users. ``apart``:
    each of them has a folder of his own, and a third user has the plain folders."""
    # Not in pytest's own folder, which no other user may enter.
    with tempfile.TemporaryDirectory(prefix="heygem-share-") as name:
        folder, group = Path(name), common_group()
        folder.chmod(0o755)
        local, samba, spool = (folder / each for each in ("local", "samba", "spool"))
        for new in (local, samba, spool):
            new.mkdir()
        os.chown(spool, -1, group)
        spool.chmod(0o2755)
        quick = {"HEYGEM_SETTLE_SECONDS": str(SETTLE_SECONDS), "HEYGEM_SCAN_SECONDS": "0.1"}
        users, others = accounts(2), accounts(3)[2:]
        if apart:
            quick["HEYGEM_FOLDERS"] = "{" + ", ".join(f"{each} = {{}}" for each in users) + "}"
        daemon = subprocess.Popen(
            ordinary([sys.executable, str(PROGRAM), "run"], group, rights),
            env=os.environ | quick | {"HEYGEM_SPOOL": str(spool)},
            stderr=subprocess.DEVNULL,
            umask=0o002,
        )
        try:
            wait_until((spool / ".state" / "status.json").exists)
            serve = {"users": others, "people": users} if apart else {"users": users}
            with shared(spool, samba, with_options, **serve) as client:
                yield Share(spool, client.as_user(users[0]), client.as_user(users[1]), local)
        finally:
            daemon.terminate()
            daemon.wait()


def test_a_slow_upload_is_claimed_when_it_is_complete(share: Share) -> None:
    video = share.video()
    share.client.upload(share.sound(), "inbox/Grüße an alle.wav", BYTES_A_SECOND)
    share.client.upload(video, "inbox/Grüße an alle.mp4", BYTES_A_SECOND)
    assert list((share.spool / "outbox").iterdir()) == [], "taken before it was complete"
    share.wait_for("Grüße an alle.mp4")
    share.client.download("outbox/Grüße an alle.mp4", share.local / "result.mp4")
    result = (share.local / "result.mp4").read_bytes()
    assert hashlib.sha256(result).digest() == hashlib.sha256(video.read_bytes()).digest()
    assert list((share.spool / "failed").iterdir()) == []


def test_thirty_pairs_are_claimed_in_the_order_of_their_arrival() -> None:
    """Over the share and locally; names and the order of the folder's list say something else."""
    with running_share() as share:
        stems = [f"p{number}" for number in (*range(30, 0, -2), *range(1, 30, 2))]
        sound, video = share.sound(), share.video()
        puts = (f'put "{sound}" {each}.wav; put "{video}" {each}.mp4' for each in stems)
        share.client.run("inbox", "; ".join(puts))
        local = [f"local-{each}" for each in stems]
        for each in local:
            shutil.copy(sound, share.spool / "inbox" / f"{each}.wav")
            shutil.copy(video, share.spool / "inbox" / f"{each}.mp4")
        log = share.spool / "logs" / "heygem-daemon.log"
        wait_until(lambda: log.read_text().count("job claimed") == 2 * len(stems))
        claimed = re.findall(r"job claimed.* job=([\w-]+)", log.read_text())
        assert [each for each in claimed if each in stems] == stems
        assert [each for each in claimed if each in local] == local


def test_an_upload_that_pauses_is_seen_as_open(share: Share) -> None:
    """The file is another user's: the daemon has to ask the kernel with CAP_LEASE."""
    share.client.upload(share.sound(), "inbox/talk.wav", 1e6)
    with share.client.uploading(share.video(), "inbox/talk.mp4"):
        time.sleep(10 * SETTLE_SECONDS)
        wait_until(
            lambda: "still being copied, or a program has it open" in status_of(share, "talk.mp4")
        )
    share.wait_for("talk.mp4")


def test_without_the_right_to_ask_the_daemon_works_by_its_other_evidence() -> None:
    with running_share(rights="-all") as share:
        test_a_slow_upload_is_claimed_when_it_is_complete(share)
        share.other.run("inbox", "mkdir batch")
        for source, name in ((share.sound(), "a.wav"), (share.video(), "a.mp4")):
            share.other.run("inbox", f'put "{source}" batch/{name}')
        wait_until((share.spool / "outbox" / "batch" / "batch.zip").exists)


def test_each_user_owns_what_he_drops(share: Share) -> None:
    """So that turns are between people, and each only withdraws what is his own."""
    users = accounts(2)
    for client, user in zip((share.client, share.other), users, strict=True):
        client.run("inbox", f'put "{share.sound()}" {user}.wav')
        status = (share.spool / "inbox" / f"{user}.wav").stat()
        assert pwd.getpwuid(status.st_uid).pw_name == user
        assert status.st_gid == common_group()
    share.video()
    before, taken = tree(share.spool / "inbox"), f"{users[0]}.wav"
    commands = (
        f"del {taken}",
        f"rename {taken} own.wav",
        f'put "{share.local}/video.mp4" {taken}',
        f'put "{share.local}/sound.wav" own.wav; rename own.wav {taken} -f',
    )
    for command in commands:
        share.other.try_out("inbox", command)
    assert before.items() <= tree(share.spool / "inbox").items()
    assert (share.spool / "inbox" / taken).read_bytes() == share.sound().read_bytes()
    share.client.run("inbox", f"del {users[0]}.wav")


def test_what_the_daemon_makes_of_the_files_of_two_users_can_be_deleted(share: Share) -> None:
    """A failed batch, in which two members share an audio, and jobs of both users."""
    bad, good = share.local / "bad.wav", share.sound()
    bad.write_text("refuse")
    video = share.video()
    share.client.run("inbox", "mkdir .show")
    for source, name in ((bad, "a.wav"), (good, "b.wav"), (video, "a.mp4"), (video, "b.mp4")):
        share.client.run("inbox", f'put "{source}" .show/{name}')
    share.client.run("inbox", "rename .show show")
    wait_until((share.spool / "done" / "show").exists)
    for source, name in ((bad, "single.wav"), (video, "single.mp4")):
        share.other.run("inbox", f'put "{source}" {name}')
    wait_until((share.spool / "failed" / "single" / "reason.txt").exists)
    assert "single.wav" in share.client.run("failed", "ls single/*")
    for folder, name in (("failed", "single"), ("failed", "show"), ("done", "show")):
        share.other.run(folder, f"deltree {name}")
        assert not (share.spool / folder / name).exists()


def test_people_with_folders_of_their_own_are_kept_apart() -> None:
    with running_share(apart=True) as share:
        anna, ben = accounts(2)
        wait_until((share.spool / "failed" / ben).exists)
        video, sound = share.video(), share.sound()
        for client in (share.client, share.other):
            client.run("my-inbox", f'put "{sound}" talk.wav; put "{video}" talk.mp4')
        for name in (anna, ben):
            wait_until((share.spool / "outbox" / name / "talk.mp4").exists)
            wait_until((share.spool / "done" / name / "talk").exists)
        assert list((share.spool / "outbox").glob("*.mp4")) == []
        share.client.run("my-inbox", f'put "{sound}" hers.wav')
        before = tree(share.spool)
        for name in (*SHARES, "status"):
            with pytest.raises(subprocess.CalledProcessError):
                share.other.run(name, "ls")
        for name in SHARES:
            for command in (
                f"ls ../{anna}/*",
                f"del ../{anna}/*",
                f'put "{sound}" ../{anna}/his.wav',
                f"rename ../{anna} own",
                "rmdir .",
            ):
                answer = share.other.try_out(f"my-{name}", command)
                assert any(sign in answer for sign in REFUSALS), f"{name}, {command}: {answer}"
                assert anna not in share.other.run(f"my-{name}", "ls; ls ../*")
            assert "hers" not in share.other.run(f"my-{name}", "recurse; ls")
        assert tree(share.spool) == before
        share.client.run("my-outbox", "del talk.mp4; del status.html")
        own_page = share.spool / "outbox" / anna / "status.html"
        wait_until(lambda: own_page.exists() and "hers.wav" in own_page.read_text())
        share.client.run("my-outbox", f'get status.txt "{share.local}/page.txt"')
        assert ben not in (share.local / "page.txt").read_text()
        assert (share.spool / "outbox" / ben / "talk.mp4").exists()


def test_users_see_only_their_folders(share: Share) -> None:
    assert share.client.shares() == {*SHARES, "status"}
    for name in ("heygem", "processing", "logs", ".state", ".cache"):
        with pytest.raises(subprocess.CalledProcessError):
            share.client.run(name, "ls")


def test_the_status_page_is_there_to_read_and_nothing_else(share: Share) -> None:
    share.client.upload(share.sound(), "inbox/seen.wav", 1e6)
    share.client.upload(share.video(), "inbox/seen.mp4", 1e6)
    share.wait_for("seen.mp4")
    page = share.local / "page.html"

    def is_published() -> bool:
        share.client.run("status", f'get status.html "{page}"')
        return "./outbox/seen.mp4" in page.read_text()

    wait_until(is_published)
    share.client.run("status", f'get outbox/seen.mp4 "{share.local / "result.mp4"}"')
    local = share.sound()
    for command in (
        "ls .state/*",
        "ls processing/*",
        "ls .cache/*",
        "get .state/spool-id",
        "del status.html",
        f'put "{local}" status.html',
        f'put "{local}" inbox/new.wav',
        "del outbox/seen.mp4",
        "rename outbox other",
        "rmdir inbox",
    ):
        answer = share.client.try_out("status", command)
        assert any(sign in answer for sign in REFUSALS), f"{command}: {answer}"


def test_results_and_inputs_can_be_deleted_over_the_share(share: Share) -> None:
    share.client.upload(share.sound(), "inbox/talk.wav", 1e6)
    share.client.upload(share.video(), "inbox/talk.mp4", 1e6)
    share.wait_for("talk.mp4")
    share.client.run("outbox", "del talk.mp4")
    assert not (share.spool / "outbox" / "talk.mp4").exists()
    share.client.run("done", "deltree talk")
    assert not (share.spool / "done" / "talk").exists()


def test_a_folder_can_be_dropped_and_its_results_deleted(share: Share) -> None:
    # Names of the daemon's own folders are not special below a user's folder.
    share.client.run("inbox", "mkdir .processing.part; rename .processing.part processing.part")
    for source, name in ((share.sound(), "a.wav"), (share.video(), "a.mp4")):
        share.client.run("inbox", f'put "{source}" processing.part/{name}')
    share.client.run("inbox", "rename processing.part processing")
    wait_until((share.spool / "outbox" / "processing" / "processing.zip").exists)
    wait_until((share.spool / "done" / "processing").exists)
    share.client.run("outbox", "deltree processing")
    share.client.run("done", "deltree processing")
    assert not (share.spool / "outbox" / "processing").exists()


def test_users_steer_their_own_jobs(share: Share) -> None:
    empty_file = share.local / "empty"
    empty_file.touch()
    long = share.local / "long.wav"
    long.write_text("until paused")
    share.client.upload(long, "inbox/long.wav", 1e6)
    share.client.upload(share.video(), "inbox/long.mp4", 1e6)
    wait_until(lambda: "long" in running_jobs(share))
    share.other.run("inbox", f'put "{empty_file}" long.cancel')
    wait_until(lambda: "was dropped by somebody else" in answer_to(share, "long.cancel"))
    assert running_jobs(share) == ["long"]
    share.client.run("inbox", f'put "{empty_file}" long.cancel')
    wait_until((share.spool / "failed" / "long" / "reason.txt").exists)
    assert "cancelled by" in (share.spool / "failed" / "long" / "reason.txt").read_text()
    wait_until(lambda: " long.cancel " not in share.client.run("inbox", "ls"))
    wait_until(lambda: running_jobs(share) == [])  # the next one that is seen is the retried one

    options = share.local / "options"
    options.write_text("priority = 3")
    share.client.run("inbox", f'put "{options}" long.retry')
    wait_until(lambda: "long" in running_jobs(share))
    share.client.run("inbox", f'put "{empty_file}" long.cancel')
    wait_until((share.spool / "failed" / "long" / "long.toml").exists)

    # Its folder, moved from one share to the other, is a new job.
    back = share.local / "back"
    back.mkdir()
    here = f'lcd "{back}"; recurse ON; prompt OFF'
    share.client.run("failed", f"{here}; mget long; deltree long")
    (back / "long" / "long.wav").write_text("render")
    share.client.run("inbox", f"{here}; mput long")
    wait_until((share.spool / "done" / "long").exists)
    assert (share.spool / "outbox" / "long" / "long.mp4").exists()
    share.client.run("inbox", f'put "{empty_file}" long.remove')
    places = [share.spool / "outbox" / "long", share.spool / "done" / "long"]
    wait_until(lambda: not any(place.exists() for place in places))


def test_requests_in_chinese_and_with_slips_over_the_network(share: Share) -> None:
    asked = share.local / "asked"
    asked.touch()
    share.client.upload(share.video(), "inbox/讲话.mp4", 1e6)
    for name in ("讲话.取 消", "讲话.取小"):
        share.client.run("inbox", f'put "{asked}" "{name}"')
    wait_until((share.spool / "failed" / "讲话" / "reason.txt").exists)
    reason = (share.spool / "failed" / "讲话" / "reason.txt").read_text()
    assert "“讲话”已取消。" in reason
    assert "（讲话.取 消）" in reason
    assert "讲话.retry" in reason
    # There is nothing left to cancel, which the page says, too.
    wait_until(lambda: "The job 讲话 has ended" in status_of(share, "讲话.取小"))
    share.client.run("inbox", 'del "讲话.取小"')

    asked.write_text('audio = "own"')
    share.client.run("inbox", f'put "{asked}" own.toml')
    share.client.upload(share.sound(), "inbox/own.mp4", 1e6)  # what the fake worker renders
    share.wait_for("own.mp4")
    asked.write_text("priority = 3")
    share.client.run("inbox", f'put "{asked}" own.重试')
    share.wait_for("own (2).mp4")
    share.other.run("inbox", f'put "{asked}" own.重试')
    wait_until(lambda: "dropped by somebody else" in answer_to(share, "own.重试"))


def running_jobs(share: Share) -> list[str]:
    status = json.loads((share.spool / ".state" / "status.json").read_text())
    return [each["name"] for each in status["jobs"] if each["state"] == "running"]


def answer_to(share: Share, name: str) -> str:
    status = json.loads((share.spool / ".state" / "status.json").read_text())
    return next((str(each["text"]) for each in status["requests"] if each["name"] == name), "")


def test_an_upload_can_be_withdrawn(share: Share) -> None:
    share.client.upload(share.sound(), "inbox/alone.wav", 1e6)
    share.client.run("inbox", "del alone.wav")
    assert not (share.spool / "inbox" / "alone.wav").exists()


FORBIDDEN = (
    'rmdir ""',
    "rmdir .",
    "rename . other",
    "rmdir ../{name}",
    "rename ../{name} ../other",
    'put "{local}" ../.state/spool-id',
    'put "{local}" ../logs/heygem-daemon.log',
    "del ../.state/spool-id",
    "ls ../.state/*",
    "ls ../logs/*",
    "ls ../processing/*",
    "ls link-to-folder/*",
    "get link",
    "get link-to-folder/secret",
    'put "{local}" link-to-folder/other',
    "del link-to-folder/secret",
    "link /etc/passwd passwd",
    "symlink /etc etc",
    "hardlink ../.state/spool-id id",
)
"""Commands of smbclient in the share ``name``. All of them must fail."""

DAEMONS_OWN = (".status.", "status.")
REFUSALS = ("NT_STATUS_", "Server doesn't support UNIX CIFS calls")


def test_a_share_leads_to_its_own_folder_only(share: Share) -> None:
    wait_until((share.spool / ".state" / "status.json").exists)
    outside, local = share.spool.parent / "outside", share.sound()
    outside.mkdir(exist_ok=True)
    (outside / "secret").write_text("private")
    for name in SHARES:
        folder = share.spool / name
        (folder / "link").symlink_to(outside / "secret")
        (folder / "link-to-folder").symlink_to(outside)
        before = tree(share.spool), tree(outside), tree(share.local)
        for command in FORBIDDEN:
            answer = share.client.try_out(name, command.format(name=name, local=local))
            assert any(sign in answer for sign in REFUSALS), f"{name}, {command}: {answer}"
            assert (tree(share.spool), tree(outside), tree(share.local)) == before, command


def test_users_cannot_lock_the_daemon_out(share: Share) -> None:
    for name in SHARES:
        folder = share.spool / name
        (folder / "file").touch()
        modes = [path.stat().st_mode for path in (folder, folder / "file")]
        for path in ("/", "file"):
            for entry in ("ACL:Everyone:DENIED/0x0/FULL", "ACL:Everyone:ALLOWED/0x0/READ"):
                with pytest.raises(subprocess.CalledProcessError):
                    share.client.set_permissions(name, path, entry)
            share.client.try_out(name, f'setmode "{path}" +rsh')
        assert [path.stat().st_mode for path in (folder, folder / "file")] == modes
    share.client.upload(share.sound(), "inbox/talk.wav", 1e6)
    share.client.upload(share.video(), "inbox/talk.mp4", 1e6)
    share.wait_for("talk.mp4")


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Return inode and mode of everything below a folder, without what the daemon itself writes."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[:1] in ((".state",), ("logs",)) or name.name.startswith(DAEMONS_OWN):
            continue  # before lstat(): the daemon writes them anew at any time
        status = path.lstat()
        found[str(name)] = (status.st_ino, status.st_mode)
    return found


def status_of(share: Share, name: str) -> str:
    """Return what a file in the inbox waits for; nothing where it is not listed."""
    status = json.loads((share.spool / ".state" / "status.json").read_text())
    return next((str(each["reason"]) for each in status["inbox"] if each["name"] == name), "")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.05)
