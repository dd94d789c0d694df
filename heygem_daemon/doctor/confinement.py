"""Finding: whether the processes that decode users' files are confined."""

from typing import Literal

from heygem_daemon.doctor.answers import ConfinementAnswer
from heygem_daemon.doctor.check import Check, passed, warned
from heygem_daemon.doctor.child import ProbeFailure

NAME = "confinement"
ON_GPU = "workers on a GPU are not confined, since it has not been tried there"


def confinement_check(
    answer: ConfinementAnswer | ProbeFailure, setting: Literal["auto", "off"], uses_gpus: bool
) -> Check:
    """Return what holds, by the word of a child process that has tried to get out.

    ``uses_gpus``: whether jobs may run on a GPU.
    """
    if setting == "off":
        return warned(
            NAME,
            "not confined: the setting confine is off",
            'Set confine to "auto": a file that takes over a decoder reaches all that the daemon'
            " may reach.",
        )
    if isinstance(answer, ProbeFailure):
        return warned(NAME, f"the test {answer.reason}", "Report this, with the kernel's version.")
    detail = f"{answer.description}; {ON_GPU}" if uses_gpus else answer.description
    if answer.open_ways:
        detail += f"; a confined process could {' and '.join(answer.open_ways)}"
    if answer.open_ways or not answer.complete:
        return warned(
            NAME,
            detail,
            "Use a kernel with Landlock (Linux 5.13 or newer, 'landlock' in its parameter lsm=),"
            " and allow its system calls where systemd or a container filters them.",
        )
    return passed(NAME, detail)
