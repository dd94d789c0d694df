"""A spool under random sequences of what users, workers and crashes do to it."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heygem_daemon.errors import ClaimFailed
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.retention import find_expired, purge
from heygem_daemon.spool.spool import Spool
from tests.spool.conftest import Killed, KillingDisk

pytestmark = pytest.mark.slow

DAY = 86_400.0
STEMS = (
    "talk", "Talk", "talk (2)", "Größe", "Gro\u0308ße", "王 🎬", "-rf", "a\nb", "caf\udce9", "con",
    "dots. .", 'q"uote', "x" * 251, "é" * 125, "..a", "%s {0}",
)  # fmt: skip
names = st.sampled_from(STEMS)
crashes = st.none() | st.tuples(st.integers(0, 20), st.booleans())
"""None: no crash. Otherwise the operation at which the process is killed, and whether in the middle
of it."""


class SpoolMachine(RuleBasedStateMachine):
    """Every dropped file is in the spool exactly once, and every published result is in the outbox
    exactly once, until somebody removes it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(
            os, "fsync", lambda _handle: None
        )  # only the order of operations matters
        self.root = Path(tempfile.mkdtemp(prefix="spool-machine-"))
        self.now = 1_800_000_000.0
        self.count = 0
        self.inputs: set[bytes] = set()
        self.results: dict[str, bytes] = {}
        """The content of each job's result, by job id."""
        self.other_files: set[bytes] = set()
        self.jobs: dict[str, Job] = {}
        self.spool().prepare()

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.root)

    def spool(self, files: FileOperations | None = None) -> Spool:
        return Spool(self.root, lambda: self.now, files)

    def _do(self, crash: tuple[int, bool] | None, act: Callable[[Spool], object]) -> None:
        """Call ``act``, which ``crash`` may interrupt, then restart."""
        disk = KillingDisk(*crash) if crash else None
        try:
            act(self.spool(disk))
        except Killed:
            self._restart(None)
        else:
            self.jobs = {job.id: job for job in self.spool().recover()}

    def _restart(self, crash: tuple[int, bool] | None) -> None:
        disk = KillingDisk(*crash) if crash else None
        try:
            found = self.spool(disk).recover()
        except Killed:
            found = self.spool().recover()
        self.jobs = {job.id: job for job in found}

    def _pairs(self) -> tuple[Pair, ...]:
        return pair_files(scan(self.spool().inbox).entries).pairs

    def _job(self, number: int) -> Job:
        return self.jobs[sorted(self.jobs)[number % len(self.jobs)]]

    @initialize(stems=st.lists(names, min_size=4, max_size=8))
    def drop_some(self, stems: list[str]) -> None:
        for stem in stems:
            self.drop(stem, ".wav", ".mp4")

    @rule(stem=names, audio=st.sampled_from([".wav", ".MP3"]), video=st.sampled_from([".mp4"]))
    def drop(self, stem: str, audio: str, video: str) -> None:
        for extension in (audio, video):
            path = self.spool().inbox / (stem + extension)
            if len(os.fsencode(path.name)) <= 255 and not path.exists():
                self.count += 1
                content = f"input {self.count}".encode()
                path.write_bytes(content)
                self.inputs.add(content)

    @precondition(lambda self: self._pairs())
    @rule(crash=crashes, number=st.integers(0, 9))
    def claim(self, crash: tuple[int, bool] | None, number: int) -> None:
        pairs = self._pairs()
        pair = pairs[number % len(pairs)]
        self._do(crash, lambda spool: spool.begin_attempt(spool.claim(pair)))

    @rule(number=st.integers(0, 9))
    def claim_a_missing_file(self, number: int) -> None:
        if pairs := self._pairs():
            pair = pairs[number % len(pairs)]
            self.inputs.discard(pair.video.read_bytes())
            pair.video.unlink()
            with pytest.raises(ClaimFailed):
                self.spool().claim(pair)

    @precondition(lambda self: self.jobs)
    @rule(crash=crashes, number=st.integers(0, 9))
    def publish(self, crash: tuple[int, bool] | None, number: int) -> None:
        job = self._job(number)
        self.results[job.id] = content = f"result of {job.id}".encode()

        def act(spool: Spool) -> None:
            job.workspace.mkdir(exist_ok=True)
            result = job.workspace / "result.mp4"
            result.write_bytes(content)
            spool.publish(job, result, {"job": job.name})

        self._do(crash, act)

    @precondition(lambda self: self.jobs)
    @rule(crash=crashes, number=st.integers(0, 9))
    def fail(self, crash: tuple[int, bool] | None, number: int) -> None:
        job = self._job(number)
        self._do(crash, lambda spool: spool.fail(job, "No face."))

    @precondition(lambda self: self.jobs)
    @rule(crash=crashes, number=st.integers(0, 9))
    def defer(self, crash: tuple[int, bool] | None, number: int) -> None:
        job = self._job(number)
        self._do(crash, lambda spool: spool.begin_attempt(spool.defer(job, "The disk is full.")))

    @precondition(lambda self: self.spool().latest_failed(1))
    @rule(crash=crashes, number=st.integers(0, 9))
    def retry(self, crash: tuple[int, bool] | None, number: int) -> None:
        failed = sorted(journal.name for journal in self.spool().latest_failed(99))
        name = failed[number % len(failed)]
        self._do(crash, lambda spool: spool.retry(name))

    @rule(stem=names)
    def somebody_puts_a_file_into_the_outbox(self, stem: str) -> None:
        path = self.spool().outbox / f"{stem}.mp4"
        if not path.exists():
            self.count += 1
            content = f"a user's {self.count}, longer than any result".encode()
            path.write_bytes(content)
            self.other_files.add(content)

    @rule(crash=crashes)
    def restart(self, crash: tuple[int, bool] | None) -> None:
        self._restart(crash)

    @rule(crash=crashes, days=st.integers(0, 20))
    def purge_expired(self, crash: tuple[int, bool] | None, days: int) -> None:
        self.now += days * DAY
        spool = self.spool()
        records = [(spool.done / each.name, each) for each in spool.latest_published(99)]
        records += [(spool.failed / each.name, each) for each in spool.latest_failed(99)]
        for folder, journal in records:
            if (journal.completed_at or 0) + 7 * DAY <= self.now:
                self.inputs -= {path.read_bytes() for path in folder.iterdir()}
        self._do(crash, lambda spool: list(purge(spool, find_expired(spool, self.now, 7))))
        if crash:
            self._do(None, lambda spool: list(purge(spool, find_expired(spool, self.now, 7))))

    @invariant()
    def every_input_is_there_exactly_once(self) -> None:
        spool = self.spool()
        found: Counter[bytes] = Counter()
        for part in (spool.inbox, spool.processing, spool.done, spool.failed):
            for path in part.rglob("*"):
                if path.is_file() and (content := path.read_bytes()).startswith(b"input "):
                    found[content] += 1
        assert found == Counter(self.inputs)

    @invariant()
    def every_result_is_there_exactly_once_and_whole(self) -> None:
        spool = self.spool()
        videos = Counter(path.read_bytes() for path in spool.outbox.iterdir() if _is_video(path))
        finished = [self.results[journal.id] for journal in spool.latest_published(99)]
        assert videos == Counter([*finished, *self.other_files])

    @invariant()
    def nothing_is_left_half_done(self) -> None:
        spool = self.spool()
        assert {path.name for path in spool.processing.iterdir()} == set(self.jobs)
        assert not list(spool.outbox.glob("*.part"))
        for job in self.jobs.values():
            assert job.audio.is_file()
            assert job.video.is_file()


def _is_video(path: Path) -> bool:
    return path.name.endswith(".mp4")


SpoolMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_any_order_of_steps_and_crashes_loses_nothing = SpoolMachine.TestCase
