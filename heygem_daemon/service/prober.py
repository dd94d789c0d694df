"""Checks in child processes whether a media file looks complete.

The daemon never reads media itself: a truncated video can crash its reader.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.service.child_starts import ChildStarts
from heygem_daemon.service.probe_queue import KeptAnswers, Place, ProbeQueue, line_of
from heygem_daemon.service.runtime import Clock
from heygem_daemon.service.turns import FairnessKey
from heygem_daemon.spool.formats import media_kind

COMMAND: tuple[str, ...] = (sys.executable, "-m", "heygem_daemon.media.first_look")
"""The child's command, to which a file and its kind are added. Exit status 0 means that the file
looks complete."""
CONFINE = "--confine"
"""The option that makes the child confine itself."""

MAX_CHILDREN = 3
"""How many children run at once. One of them is kept for an owner who has none."""

MAX_PROBE_SECONDS = 60.0
ATTEMPTS = 3
"""How often a file may be at fault for a child that does not end in time: on a busy machine, or a
slow disk, no file is."""

MAX_LINE_BYTES = 4096
MAX_KEPT_CONTENTS = 1000
"""How many contents are kept until they are taken. Beyond that the oldest are dropped."""

FileVersion = tuple[Path, int, int]
"""Path, mtime in nanoseconds, size in bytes."""


def probe_command(limits: MediaLimits) -> tuple[str, ...]:
    """Return the child's command, with the limits up to which it reads a file."""
    return (*COMMAND, "--limits", limits.to_json())


@dataclass(frozen=True, slots=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    key: FairnessKey
    started: float
    """Monotonic time."""


class Prober:
    """Returns at once, without waiting for a child; None means 'not known yet, call again'.

    The owners of files, and the folders in ``inbox`` as well as the files beside them, take turns.
    ``on_answer`` is called from another thread when another call is worthwhile. ``confine``: a
    child gives up everything but its file first.
    """

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        clock: Clock | None = None,
        on_answer: Callable[[], None] = lambda: None,
        *,
        inbox: Path | None = None,
        confine: bool = False,
    ) -> None:
        """``inbox``: where files are single jobs; None: they are so everywhere."""
        self._confine = confine
        self._hot_folders: Container[str] = ()
        self.follow(command)
        self._clock = clock or Clock()
        self._on_answer = on_answer
        self._inbox = inbox
        self._preferred: Container[Path] = ()
        self._hurried: Container[Path] = ()
        self._waiting: ProbeQueue[FileVersion] = ProbeQueue(MAX_CHILDREN)
        self._children: dict[FileVersion, _Child] = {}
        self._answers: KeptAnswers[FileVersion, bool] = KeptAnswers()
        self._contents: dict[FileVersion, MediaContent] = {}
        self._timed_out: dict[FileVersion, int] = {}
        """How many children had no time for a file that has no answer yet."""
        self._starts = ChildStarts()

    def __call__(self, path: Path) -> bool | None:
        """Return whether ``path`` looks complete; False where its reader crashes, or hangs each
        time; None where the answer is not known yet."""
        self._collect()
        try:
            status = path.lstat()
        except OSError:
            return False
        version = _version(path, status)
        key = line_of(path, status.st_uid, self._inbox, self._hot_folders)
        if (answer := self._answers.pop(version, key.owner)) is not None:
            return answer
        self._request(version, key, Place.WANTED if path in self._preferred else Place.REST)
        return None

    def examine(self, version: FileVersion, owner: int) -> None:
        """Have the content of a file found out, without waiting: ``take_contents`` returns it. A
        job waits for the file, which passes those that are only checked.

        ``owner``: the user id of the file's owner. To repeat a request costs next to nothing."""
        key = line_of(version[0], owner, self._inbox, self._hot_folders)
        if not self._waiting.has(version, key, Place.HURRIED):
            self._request(version, key, Place.WANTED)

    def prefer(self, files: Container[Path]) -> None:
        """Let these files pass the others of their line from the next request on: somebody waits
        for a job with them."""
        self._preferred = files

    def hurry(self, files: Container[Path]) -> None:
        """Let these files, and those in these folders, pass even those from the next request on:
        somebody asked that their job goes first."""
        self._hurried = files

    def advance(self) -> None:
        """Collect the answers of the children that have ended, and start the next ones. Without it
        their places stay empty until the next request."""
        self._collect()
        self._start_next()

    def take_contents(self) -> dict[FileVersion, MediaContent]:
        """Return what the files held that were probed since the last call; the default for those
        whose reader crashed or hung."""
        self.advance()
        taken, self._contents = self._contents, {}
        return taken

    def _request(self, version: FileVersion, key: FairnessKey, place: Place) -> None:
        if version not in self._children:
            path = version[0]
            is_hurried = path in self._hurried or path.parent in self._hurried
            self._waiting.add(version, key, Place.HURRIED if is_hurried else place)
            self._start_next()

    def count_by_folder(self, hot_folders: Container[str]) -> None:
        """Let the files in these folders of the inbox be the folder's, whoever owns them."""
        self._hot_folders = hot_folders

    def follow(self, command: Sequence[str]) -> None:
        """Use another command for children that start from now on."""
        self._command = (*command, CONFINE) if self._confine else tuple(command)

    def close(self) -> None:
        """Kill all children."""
        for child in self._children.values():
            child.process.kill()
            child.process.wait()
            _first_line(child.process)
        self._children.clear()

    def _start_next(self) -> None:
        """Start a child for the next version whose file is still there, if there is a place."""
        while turn := self._waiting.take([child.key for child in self._children.values()]):
            version = turn.requests[0]
            with suppress(OSError):
                if _version(version[0], version[0].lstat()) != version:
                    continue
                # If no process can be started now, the settler calls again until its limit.
                with self._starts.reported():
                    self._children[version] = self._start(version[0], turn.key)

    def _start(self, path: Path, key: FairnessKey) -> _Child:
        process = subprocess.Popen(
            [*self._command, str(path), media_kind(path.name) or "video"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        call_at_exit(process, self._on_answer)
        return _Child(process, key, self._clock.monotonic())

    def _collect(self) -> None:
        """Collect the answers of all children that have ended, even those that nobody requests any
        more: they must not block a place. Kills children that hang."""
        now = self._clock.monotonic()
        for version, child in list(self._children.items()):
            status = child.process.poll()
            if status is None and now - child.started > MAX_PROBE_SECONDS:
                self._give_up(version, child)
            elif status is not None:
                self._take(version, child, _first_line(child.process), complete=status == 0)
        for kept in (self._contents, self._timed_out):
            while len(kept) > MAX_KEPT_CONTENTS:
                del kept[next(iter(kept))]

    def _give_up(self, version: FileVersion, child: _Child) -> None:
        """Kill a child that had no time. After the last attempt its file is at fault; before, it is
        examined again when it is asked for."""
        child.process.kill()
        child.process.wait()
        line = _first_line(child.process)
        self._timed_out[version] = self._timed_out.get(version, 0) + 1
        if self._timed_out[version] < ATTEMPTS:
            del self._children[version]
        else:
            self._take(version, child, line, complete=False)

    def _take(self, version: FileVersion, child: _Child, line: bytes, *, complete: bool) -> None:
        """Keep the answer of a child that has ended. ``line``: the first one that it printed."""
        del self._children[version]
        self._timed_out.pop(version, None)
        self._answers.put(version, child.key.owner, complete)
        self._contents[version] = MediaContent.from_json(line)


def _version(path: Path, status: os.stat_result) -> FileVersion:
    return path, status.st_mtime_ns, status.st_size


def _first_line(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the first line that an ended process printed, of ``MAX_LINE_BYTES`` at most, and close
    the pipe."""
    assert process.stdout is not None
    with process.stdout as output:
        # Whatever else may hold the other end open, nobody is waited for.
        os.set_blocking(output.fileno(), False)
        with suppress(OSError):
            return os.read(output.fileno(), MAX_LINE_BYTES).partition(b"\n")[0]
    return b""


def call_at_exit(process: "subprocess.Popen[bytes]", on_exit: Callable[[], None]) -> None:
    """Call ``on_exit`` from another thread when the process has ended; it is not reaped."""

    def wait() -> None:
        # WNOWAIT: the Popen object has to reap the child itself.
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        on_exit()

    threading.Thread(target=wait, daemon=True).start()
