"""Runs probes in child processes, because what they examine may hang, crash or be broken.

A process that waits inside a hanging driver cannot even be killed. It gets the signal and is left
behind, and the doctor goes on.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

KILL_WAIT_SECONDS = 2.0
"""How long a killed child may take to end before it is left behind."""

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """Why there is no answer."""

    reason: str
    """One line, such as 'crashed (SIGSEGV)'."""
    hung: bool = False
    """Whether it gave no answer in time."""


def run_probe(
    program: Sequence[str],
    answer_type: type[AnswerT],
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> AnswerT | ProbeFailure:
    """Run a Python program and return the ``answer_type`` that its last line holds as JSON.

    ``program`` has the arguments for the interpreter, such as ``-m`` and a module. ``environment``
    replaces this process's environment. Takes little longer than ``timeout_seconds``, and raises
    nothing whatever the child does.
    """
    try:
        child = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            process_group=0,
        )
    except OSError as error:
        return ProbeFailure(f"cannot be started: {error.strerror or error}")
    try:
        out, err = child.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        return ProbeFailure(f"gave no answer within {timeout_seconds:g} s", hung=True)
    finally:
        _end(child)
    return _parse_answer(out, err, child.returncode, answer_type)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child, if it still runs, and all that it started; also after Ctrl-C."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=KILL_WAIT_SECONDS)
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _parse_answer(
    out: bytes, err: bytes, returncode: int, answer_type: type[AnswerT]
) -> AnswerT | ProbeFailure:
    if returncode != 0:
        lines = err.decode(errors="replace").strip().splitlines()
        return ProbeFailure(lines[-1] if lines and returncode > 0 else _describe_exit(returncode))
    line = (out.splitlines() or [b""])[-1]
    try:
        return TypeAdapter(answer_type).validate_json(line)
    except ValidationError:
        return ProbeFailure(f"printed {line[:200].decode(errors='replace') or 'nothing'}")


def _describe_exit(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with status {returncode}"
    with suppress(ValueError):
        return f"crashed ({signal.Signals(-returncode).name})"
    return f"was killed by signal {-returncode}"
