"""``notify``: sends a test message to a target of notifications."""

from typing import Annotated

import typer

from heygem_daemon.cli.output import ExitStatus, say
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.errors import ConfigurationError
from heygem_daemon.notify.trial import TrialAnswer

PROGRAM = ("-m", "heygem_daemon.notify.trial")
SECONDS = 90.0
"""A target may be silent for a while, and some are asked more than once."""


def notify(
    settings: Settings,
    name: Annotated[str, typer.Option("--test", help="The target, by its name in the file.")],
) -> None:
    """Send a test message to a target of notifications, and say what came back.

    Exit status 0: the target took it; 1: it did not.
    """
    if settings.notifications is None:
        raise ConfigurationError("notifications: no file of targets is set")
    order = (str(settings.notifications), settings.language, str(settings.spool), name)
    answer = run_probe((*PROGRAM, *order), TrialAnswer, SECONDS)
    problems = (answer.reason,) if isinstance(answer, ProbeFailure) else answer.problems
    for problem in problems:
        say(problem)
    if not problems:
        say(f"{name} took the message.")
    raise typer.Exit(ExitStatus.FAILED if problems else ExitStatus.DONE)
