"""What is said of the files in the inbox that are not complete or need a person. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from heygem_daemon.report.status import InboxStatus
from heygem_daemon.spool.names import pair_key


@dataclass(frozen=True, slots=True)
class InboxLine:
    """What is said of files in the inbox that belong together."""

    name: str
    """Their names."""

    reasons: tuple[str, ...]
    """Why they wait, each once."""

    remedies: tuple[str, ...]
    """What a person can do about it, each once."""

    by: str = ""
    """The names of who dropped them, each once; empty: not known."""


def inbox_lines(entries: Iterable[InboxStatus]) -> tuple[InboxLine, ...]:
    """Return one line for the files of one name that are arriving, or that wait for a file or for a
    person for the same reason; one for those that are left alone for the same reason, and one for
    each other file. They stay in their order."""
    groups: dict[object, list[InboxStatus]] = {}
    for number, each in enumerate(entries):
        key: object = number
        if each.waits_for in ("look", "upload"):
            key = pair_key(each.name)
        elif each.waits_for in ("partner", "attention"):
            key = pair_key(each.name), each.reason, each.remedy
        elif each.waits_for is None:
            key = each.reason, each.remedy
        groups.setdefault(key, []).append(each)
    return tuple(map(_line, groups.values()))


def _line(group: list[InboxStatus]) -> InboxLine:
    reasons = dict.fromkeys(each.reason for each in group)
    remedies = dict.fromkeys(each.remedy for each in group if each.remedy)
    people = dict.fromkeys(each.dropped_by for each in group if each.dropped_by)
    names = ", ".join(each.name for each in group)
    return InboxLine(names, tuple(reasons), tuple(remedies), ", ".join(people))
