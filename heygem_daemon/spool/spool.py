"""The spool: the one class that moves users' files."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.job import Job, Journal, Pair


@dataclass(frozen=True, slots=True)
class Published:
    """Where a published job lies. ``name`` is the stem, made free of collisions."""

    name: str
    video: Path
    report: Path
    strip: Path | None
    inputs: Path


class Spool:
    """A folder tree whose directories are the states of the jobs in it.

    Every method raises SpoolUnavailable when the disk or share is full, read-only or gone;
    the job is then where it was and the call can be repeated later.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self._clock = clock
        self.inbox = root / "inbox"
        self.processing = root / "processing"
        self.outbox = root / "outbox"
        self.done = root / "done"
        self.failed = root / "failed"
        self.logs = root / "logs"
        self.state = root / ".state"
        self.cache = root / ".cache"

    def prepare(self) -> None:
        """Make the folders and the sentinel where missing; check that they are one file system."""
        raise NotImplementedError

    def mounted(self) -> bool:
        """Whether the sentinel that ``prepare`` wrote is there: False on a lost mount."""
        raise NotImplementedError

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Own the spool; raises SpoolBusy, with who holds it, if another process does."""
        yield

    def claim(self, pair: Pair) -> Job:
        """Take both files or none. Raises ClaimFailed if one is gone or held: scan again."""
        raise NotImplementedError

    def recover(self) -> list[Job]:
        """After a start: finish what had begun to be published, failed or returned; put half
        claims back into the inbox; set unreadable folders aside under failed/; give the rest,
        oldest first."""
        raise NotImplementedError

    def begin_attempt(self, job: Job) -> Job:
        """Count an attempt, durably, before it starts."""
        raise NotImplementedError

    def defer(self, job: Job, reason: str) -> Job:
        """An environment fault ended the attempt: it does not count."""
        raise NotImplementedError

    def record_error(self, job: Job, error: str) -> Job:
        """A crash or bug ended the attempt: it counts."""
        raise NotImplementedError

    def publish(
        self, job: Job, result: Path, report: Mapping[str, object], strip: Path | None = None
    ) -> Published:
        """Move result, report and strip into the outbox under a free name, inputs to done/."""
        raise NotImplementedError

    def fail(self, job: Job, reason: str, remedy: str = "") -> Path:
        """Move the inputs to failed/<name>/ with reason.txt; gives that folder."""
        raise NotImplementedError

    def retry(self, name: str) -> str:
        """Put the inputs of failed/<name> back into the inbox; gives the stem they have there.

        Raises KeyError if there is no such failed job.
        """
        raise NotImplementedError

    def remove(self, name: str) -> list[Path]:
        """Delete the published job ``name`` (result, report, strip, inputs), or, if there is
        none, the failed one; gives what was deleted. Raises KeyError if there is neither."""
        raise NotImplementedError

    def results(self, limit: int = 10) -> list[Journal]:
        """The last published jobs, latest first."""
        raise NotImplementedError

    def failures(self, limit: int = 10) -> list[Journal]:
        """The last failed jobs, latest first."""
        raise NotImplementedError
