"""What in an inbox is left alone, since the daemon could not handle it, until it changes."""

from collections.abc import Collection
from dataclasses import dataclass

from heygem_daemon.config.sidecar import FileVersion
from heygem_daemon.service.candidates import Candidate, versions_of
from heygem_daemon.service.notices import REPLACE_REMEDY, InboxNotice


@dataclass(frozen=True, slots=True)
class _Mark:
    """Why a candidate is left alone."""

    versions: frozenset[FileVersion]
    """Its files, or its folder, as they were then."""

    reason: str


class LeftAlone:
    """The candidates that the daemon could not handle, by name."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}

    def add(self, candidate: Candidate, versions: frozenset[FileVersion], reason: str) -> None:
        """Leave ``candidate`` alone as long as it is in the inbox in these ``versions``."""
        self._marks[candidate.name] = _Mark(versions, f"is left alone: {reason}")

    def split(self, candidates: Collection[Candidate]) -> tuple[list[Candidate], list[InboxNotice]]:
        """Return the candidates without those that are left alone, and the notices of these."""
        if not self._marks:
            return list(candidates), []
        same = {
            each.name: self._marks[each.name]
            for each in candidates
            if each.name in self._marks and versions_of(each) == self._marks[each.name].versions
        }
        names = {each.name for each in candidates}
        # One that is settling again after its return keeps its mark.
        self._marks = {
            name: mark for name, mark in self._marks.items() if name in same or name not in names
        }
        notices = [
            InboxNotice(name, mark.reason, True, remedy=REPLACE_REMEDY)
            for name, mark in same.items()
        ]
        return [each for each in candidates if each.name not in same], notices
