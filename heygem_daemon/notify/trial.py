"""Tries the targets of notifications before something happens that they are to be told of:
``python -m heygem_daemon.notify.trial FILE``, or with LANGUAGE, SPOOL and NAME to send a message.

A program of its own: it has the secrets, and Apprise loads slowly. It prints its answer as JSON.
"""

import json
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from heygem_daemon.language.translator import LANGUAGE_SETTINGS, LanguageSetting
from heygem_daemon.notify.occasion import Occasion
from heygem_daemon.notify.senders import AppriseSender, NotDelivered, WebhookSender
from heygem_daemon.notify.targets import (
    AppriseTarget,
    Targets,
    TargetsUnusable,
    WebhookTarget,
    read_targets,
)


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """What came back."""

    problems: tuple[str, ...] = ()
    """What is wrong, each with the name of its target; nothing secret. Empty: nothing."""


def check_targets(targets: Targets) -> TrialAnswer:
    """Return which addresses Apprise does not know. Connects to nothing."""
    problems = []
    for each in targets.apprise:
        try:
            AppriseSender(each, "en")
        except NotDelivered as error:
            problems.append(f"{each.name}: {error}")
    return TrialAnswer(tuple(problems))


def send_test(targets: Targets, language: LanguageSetting, spool: str, name: str) -> TrialAnswer:
    """Send a test message to the target of that name."""
    target = next((each for each in targets.all if each.name == name), None)
    if target is None:
        names = ", ".join(each.name for each in targets.all) or "none"
        return TrialAnswer((f"there is no target {name}; there are: {names}",))
    occasion = Occasion(
        kind="test", id=uuid4().hex, at=time.time(), host=socket.gethostname(), spool=spool
    )
    try:
        _send(target, targets.language or language, occasion)
    except NotDelivered as error:
        return TrialAnswer((f"{name}: {error}",))
    return TrialAnswer()


def _send(
    target: AppriseTarget | WebhookTarget, language: LanguageSetting, occasion: Occasion
) -> None:
    if isinstance(target, AppriseTarget):
        AppriseSender(target, language)(occasion)
    else:
        WebhookSender(target)(occasion)


def main(arguments: list[str]) -> int:
    """Print the answer. Returns 0 also where something is wrong: the answer says it."""
    file, *order = arguments
    try:
        targets = read_targets(Path(file))
        if order:
            given, spool, name = order
            language = next(each for each in LANGUAGE_SETTINGS if each == given)
            answer = send_test(targets, language, spool, name)
        else:
            answer = check_targets(targets)
    except TargetsUnusable as error:
        answer = TrialAnswer((str(error),))
    sys.stdout.write(json.dumps(asdict(answer)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
