"""The process that delivers: ``python -m heygem_daemon.notify.deliverer``.

It alone has the secrets. Its order and then errands come on stdin, one JSON line each; who is told,
and what became of it, goes to stdout. It ends when stdin does, and what it has not said by then is
still to be done. The daemon starts it, or systemd for a
connection of the daemon's, which is stdin and stdout then (heygem-daemon-notify.socket). It writes
no file, and could not in that unit.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.notify.occasion import (
    Delivery,
    DeliveryOrder,
    Errand,
    Occasion,
    Postponed,
    Taken,
)
from heygem_daemon.notify.retries import DeliveryThread, Recipient
from heygem_daemon.notify.senders import AppriseSender, NotDelivered, WebhookSender
from heygem_daemon.notify.targets import AppriseTarget, Targets, TargetsUnusable, read_targets
from heygem_daemon.system.confinement import Permissions, confine_process
from heygem_daemon.system.untrusted import MESSAGE_LIMITS, UnreadableText, parse_model
from heygem_daemon.worker.wire import die_with_parent, isolate_stdio

FINISH_SECONDS = 5.0
"""How long what still waits is tried at the end."""


def recipients(targets: Targets, language: LanguageSetting = "both") -> list[Recipient]:
    """Return how each target is reached. ``language``: where the file names none."""
    return [
        Recipient(each.name, each.events, _sender(each, targets.language or language))
        if isinstance(each, AppriseTarget)
        else Recipient(each.name, each.events, WebhookSender(each))
        for each in targets.all
    ]


def _sender(target: AppriseTarget, language: LanguageSetting) -> Callable[[Occasion], None]:
    """Return what sends to a target; if Apprise cannot, it says so for each occasion."""
    try:
        return AppriseSender(target, language)
    except NotDelivered as error:
        reason = str(error)

    def refuse(_occasion: Occasion) -> None:
        raise NotDelivered(reason, is_final=True)

    return refuse


def deliver(
    targets: Targets,
    incoming: BinaryIO,
    outgoing: BinaryIO,
    language: LanguageSetting = "both",
) -> None:
    """Do the errands that come in, until there are no more."""
    lock = threading.Lock()

    def report(answer: Taken | Delivery | Postponed) -> None:
        with lock:
            outgoing.write(answer.to_line())
            outgoing.flush()

    threads = [
        DeliveryThread(each, report, on_postponed=report) for each in recipients(targets, language)
    ]
    while line := incoming.readline(MESSAGE_LIMITS.max_bytes):
        try:
            errand = parse_model(Errand, line, MESSAGE_LIMITS)
        except UnreadableText:
            continue
        told = [thread for thread in threads if thread.recipient.wants(errand)]
        names = tuple(thread.recipient.name for thread in told)
        report(Taken(id=errand.occasion.id, targets=names))
        for thread in told:
            thread.add(errand.occasion)
    for thread in threads:
        thread.finish(FINISH_SECONDS)


def main() -> int:
    """Entry point. Returns 1 where the order or the file cannot be used."""
    die_with_parent()
    incoming, outgoing = isolate_stdio()
    try:
        order = parse_model(
            DeliveryOrder, incoming.readline(MESSAGE_LIMITS.max_bytes), MESSAGE_LIMITS
        )
        targets = read_targets(Path(order.targets))
    except (UnreadableText, TargetsUnusable) as error:
        outgoing.write(f"{error}\n".encode(errors="replace"))
        outgoing.flush()
        return 1
    if order.confine:
        confine_process(Permissions(network=True))
    deliver(targets, incoming, outgoing, order.language)
    outgoing.flush()
    # Threads that wait for a silent target must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
