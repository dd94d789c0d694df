"""Has sidecars read by a child process. An answer holds for the version that was read alone.

The supervisor never parses a sidecar: whoever can write to the inbox wrote it.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.config.job_options import OWN_SOUND, JobOptions
from heygem_daemon.config.sidecar import REMEDY, FileVersion, SidecarAnswer
from heygem_daemon.spool.names import printable
from heygem_daemon.system.untrusted import UnreadableText, parse_model

COMMAND = (sys.executable, "-m", "heygem_daemon.config.sidecar")
"""The child's command, to which path and printable name of each file are added."""

FILE_GONE_STATUS = 1
"""The child's exit status where the file after its last answer is gone or the disk failed."""

MAX_SECONDS = 10.0
"""How long ``read_now`` waits for a child. It takes a fifth of a second."""

ATTEMPTS = 3
"""How often a sidecar may be at fault for a child that does not end in time: on a busy machine no
file is. After the first time it is read alone."""

SidecarAnswers = Mapping[str, SidecarAnswer]
"""Answers for the sidecars of a pair or of a folder, by file name."""


def command_for(files: Sequence[Path], command: Sequence[str] = COMMAND) -> list[str]:
    """Return the command that reads ``files``."""
    return [*command, *(text for file in files for text in (str(file), printable(file.name)))]


def parse_answers(output: bytes) -> list[SidecarAnswer]:
    """Return the answers in a child's output: one for each of its first files, in order."""
    answers = []
    for line in output.splitlines():
        try:
            answers.append(parse_model(SidecarAnswer, line))
        except UnreadableText:
            break
    return answers


def blamed(file: Path) -> SidecarAnswer:
    """Return the refusal of a sidecar that ended its reader, or made it hang. Raises OSError."""
    reason = f"{printable(file.name)} is no sidecar: reading it crashed or did not end."
    return refused(FileVersion.of(file.lstat()), reason)


def refused(version: FileVersion, reason: str) -> SidecarAnswer:
    """Return the refusal of a sidecar in that version."""
    return SidecarAnswer(version=version, refusal=reason, remedy=REMEDY)


def read_now(files: Sequence[Path], command: Sequence[str] = COMMAND) -> dict[str, SidecarAnswer]:
    """Return an answer for each of ``files`` that is there, by name, and wait for it.

    Raises OSError if no process can be started.
    """
    answers: dict[str, SidecarAnswer] = {}
    waiting = list(files)
    while waiting:
        status, found = _run(command_for(waiting, command))
        answers |= {file.name: answer for file, answer in zip(waiting, found, strict=False)}
        waiting = waiting[len(found) :]
        if waiting:
            unanswered = waiting.pop(0)
            if status is None:
                status, found = _read_alone(unanswered, command)
                answers |= dict(zip([unanswered.name], found, strict=False))
            if unanswered.name not in answers and status != FILE_GONE_STATUS:
                with suppress(FileNotFoundError):
                    answers[unanswered.name] = blamed(unanswered)
    return answers


def _read_alone(file: Path, command: Sequence[str]) -> tuple[int | None, list[SidecarAnswer]]:
    """Read a file again at which a child had no time, as often as it may be at fault. Return what
    ``_run`` does."""
    for _ in range(ATTEMPTS - 1):
        status, found = _run(command_for([file], command))
        if status is not None:
            break
    return status, found


def is_version(file: Path, version: FileVersion) -> bool:
    """Return whether ``file`` is still in that version. Raises OSError if it is gone."""
    return FileVersion.of(file.lstat()) == version


def own_sound(answers: SidecarAnswers) -> frozenset[str]:
    """Return the names of the sidecars that make a video speak with its own sound."""
    return frozenset(name for name, answer in answers.items() if answer.options.audio == OWN_SOUND)


def combine(answers: Sequence[SidecarAnswer], hot_folder: HotFolder = PLAIN) -> dict[str, object]:
    """Return the options of several sidecars, of which later ones override earlier ones and the
    profile of the folder, or the first refusal: as the fields ``options``, or ``refusal`` and
    ``remedy``."""
    options = JobOptions()
    for answer in answers:
        if answer.refusal:
            return {"refusal": answer.refusal, "remedy": answer.remedy}
        options = options.overridden_by(answer.options)
    return {"options": hot_folder.options(options)}


def _run(command: Sequence[str]) -> tuple[int | None, list[SidecarAnswer]]:
    """Return the child's exit status, None where it did not end in time, and its answers."""
    status: int | None = None
    with tempfile.TemporaryFile() as output:  # a pipe would fill up
        with suppress(subprocess.TimeoutExpired):
            status = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=MAX_SECONDS,
                check=False,
            ).returncode
        output.seek(0)
        return status, parse_answers(output.read())
