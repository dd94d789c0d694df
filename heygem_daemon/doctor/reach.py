"""Findings about folders whose file system does not answer: a share whose server is gone.

Asked first and in child processes, since whoever touches such a folder hangs with it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from heygem_daemon.doctor.answers import Reach
from heygem_daemon.doctor.check import Check, Section, failed
from heygem_daemon.doctor.child import Trouble, ask

PROGRAM = ("-m", "heygem_daemon.doctor.probes.reach")
SECONDS = 15.0
"""Longer than a sleeping disk takes to spin up."""


def silent(
    places: Mapping[str, Path], seconds: float = SECONDS, program: Sequence[str] = PROGRAM
) -> Section | None:
    """The places, by their names, that do not answer; None where all do.

    Nothing else can be examined then: every look at them would hang.
    """
    answers = {name: ask([*program, str(path)], Reach, seconds) for name, path in places.items()}
    checks = tuple(
        _silence(name, places[name], answer)
        for name, answer in answers.items()
        if isinstance(answer, Trouble) and answer.hung
    )
    return Section("spool", checks) if checks else None


def _silence(name: str, path: Path, answer: Trouble) -> Check:
    remedy = (
        "Bring its server or disk back, or let it go: umount --force --lazy. Jobs wait until then;"
        " then run this again, for nothing else was examined."
    )
    return failed(name, f"the file system of {path} {answer.reason}", remedy)
