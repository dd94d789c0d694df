"""Has results signed in child processes, without waiting for them."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.protocol import Rendered
from heygem_daemon.service.outputs import ForeignOutput, check_outputs
from heygem_daemon.service.prober import call_at_exit
from heygem_daemon.service.running_jobs import EndedAttempt
from heygem_daemon.service.runtime import Clock
from heygem_daemon.signing.order import KEY_HOLDER, SigningOrder
from heygem_daemon.spool.job import Job
from heygem_daemon.system.installation import find_installation

MAX_SECONDS = 1800.0
"""How long a child may take: it reads and writes the whole result."""
MAX_ANSWER_BYTES = 2000


def _is_package_missing() -> bool:
    return find_spec("c2pa") is None


class SigningFault(EnvironmentFault):
    """A result could not be signed now."""


@dataclass(frozen=True, slots=True)
class _SigningChild:
    process: "subprocess.Popen[bytes]"
    output: IO[bytes]
    started: float


class ResultSigner:
    """Signs each result once where a certificate is configured.

    ``on_end`` is called from another thread when another call is worthwhile.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        on_end: Callable[[], None] = lambda: None,
        command: Sequence[str] = KEY_HOLDER,
        is_missing: Callable[[], bool] = _is_package_missing,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_end = on_end
        self._command = command
        self._is_missing = is_missing
        self._children: dict[str, _SigningChild] = {}
        self._signed: set[str] = set()
        self._faults: dict[str, str] = {}
        """Why results could not be signed since one was, by their jobs' ids."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings, with every result that is signed from now on."""
        self._settings = settings

    @property
    def fault(self) -> str | None:
        """Why results cannot be signed; None: none has failed since the last success."""
        return next(iter(self._faults.values()), None)

    def is_done(self, ended: EndedAttempt) -> bool:
        """Return whether the outcome can be recorded: there is no result, it is signed, or need not
        be. False: call again later.

        Raises SigningFault where it could not be signed; another call tries again.
        """
        job = ended.running.job
        try:
            is_done = self._is_done(ended)
        except SigningFault as fault:
            self._faults[job.id] = str(fault)
            raise
        if job.id in self._signed:
            self._faults.clear()
        elif is_done:
            self._faults.pop(job.id, None)
        return is_done

    def _is_done(self, ended: EndedAttempt) -> bool:
        job, verdict = ended.running.job, ended.verdict
        if not isinstance(verdict, Rendered) or job.id in self._signed:
            return True
        try:
            # The signing process may write in the folder of the file that it is given.
            result, _, _ = check_outputs(job, verdict)
        except ForeignOutput:
            return True  # The outcome refuses it.
        order = _order_for(job, result, self._settings)
        if order is None:
            return True
        if self._is_missing():
            raise SigningFault(
                "the result could not be signed: c2pa-python is not installed;"
                f" {find_installation().add_extra('c2pa')}"
            )
        child = self._children.get(job.id)
        if child is None:
            self._children[job.id] = self._start(order)
            return False
        status = child.process.poll()
        if status is None and self._clock.monotonic() - child.started <= MAX_SECONDS:
            return False
        del self._children[job.id]
        with child.output:
            if status is None:
                child.process.kill()
                child.process.wait()
                raise SigningFault("the result could not be signed: it took too long")
            if status != 0:
                raise SigningFault(f"the result could not be signed: {_reason(child, status)}")
        self._signed.add(job.id)
        return True

    def forget(self, job: Job) -> None:
        """Forget a job that has ended."""
        self._signed.discard(job.id)
        self._faults.pop(job.id, None)
        child = self._children.pop(job.id, None)
        if child is not None:
            child.process.kill()
            child.process.wait()
            child.output.close()

    def _start(self, order: SigningOrder) -> _SigningChild:
        output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child; a pipe fills up
        try:
            process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            output.close()
            raise SigningFault(f"no signing process could be started: {error}") from error
        with suppress(BrokenPipeError):  # It has ended already; its status says why.
            assert process.stdin is not None
            with process.stdin as pipe:
                pipe.write(order.model_dump_json().encode())
        call_at_exit(process, self._on_end)
        return _SigningChild(process, output, self._clock.monotonic())


def _order_for(job: Job, result: Path, settings: Settings) -> SigningOrder | None:
    """Return the order for a result; None where no certificate is configured."""
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        return None
    return SigningOrder(
        result=str(result),
        source=str(job.video),
        certificate=str(settings.c2pa_certificate),
        key=str(settings.c2pa_key),
        timestamp_url=settings.c2pa_timestamp_url,
        confine=settings.confine == "auto",
    )


def _reason(child: _SigningChild, status: int) -> str:
    child.output.seek(0)
    text = child.output.read(MAX_ANSWER_BYTES).decode(errors="replace").strip()
    return text.splitlines()[-1] if text else f"the process ended with status {status}"
