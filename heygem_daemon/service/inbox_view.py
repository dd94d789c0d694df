"""What a scan of the inboxes found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from types import MappingProxyType

from heygem_daemon.report.status import InboxStatus
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.sidecar_mistakes import find_mistakes

RestIn = Callable[[str], str | None]
"""Until when no job of a hot folder starts, in words; None: they may start."""


def never_rests(_folder: str) -> None:
    """Say that jobs may start at any time."""


@dataclass(frozen=True, slots=True)
class InboxView:
    """What one scan of the inbox found."""

    ready: tuple[Candidate, ...] = ()
    """What may be claimed, by priority, then in the order of arrival."""

    waiting: tuple[InboxNotice, ...] = ()
    """Everything else, with what it waits for."""

    stuck_folders: frozenset[str] = frozenset()
    """The folded names of the folders that are no batch unless somebody acts, with that of their
    hot folder and a slash before them."""

    settling: bool = False
    """Whether something has yet to settle."""

    faulty_items: int = 0
    """How many candidates could not be claimed, and how many files could not be examined."""

    is_broken: bool = False
    """Whether the inbox itself cannot be used."""

    of_folders: Mapping[str, "InboxView"] = field(default_factory=lambda: MappingProxyType({}))
    """What was found in the inbox of each hot folder, by its name: what ``ready`` and ``waiting``
    hold too."""

    @property
    def entry_count(self) -> int:
        """How many entries there are in the inbox."""
        return len(self.waiting) + len(self.mistakes) + len(self.ready)

    @property
    def mistakes(self) -> tuple[InboxNotice, ...]:
        """The wrong sidecars of what may be claimed."""
        return tuple(find_mistakes(self.ready))

    def list_entries(self, limit: int, rest_in: RestIn = never_rests) -> tuple[InboxStatus, ...]:
        """Return at most ``limit`` entries of the inbox. Those that somebody may have to act on
        come first. ``rest_in`` returns until when no job of a hot folder starts; None: they may."""
        waiting = (
            InboxStatus(
                name=each.name,
                reason=each.reason,
                waits_for=each.awaited,
                remedy=each.remedy,
                folder=each.folder,
            )
            for each in (*self.mistakes, *self.waiting)
        )
        ready = (_ready_status(each, rest_in(each.hot_folder.name)) for each in self.ready)
        return tuple(islice(chain(waiting, ready), limit))

    def without(self, candidate: Candidate) -> "InboxView":
        """Return the view without a candidate that has been claimed."""
        folder, of_folders = candidate.hot_folder.name, self.of_folders
        if folder in of_folders:
            of_folders = {**of_folders, folder: of_folders[folder].without(candidate)}
        ready = tuple(each for each in self.ready if each != candidate)
        return replace(self, ready=ready, of_folders=of_folders)

    def sorted_by(self, place: Callable[[Candidate], int]) -> "InboxView":
        """Return the view with what may be claimed in the order of ``place``, also in the views of
        the hot folders; those of one place stay in their order."""
        return replace(
            self,
            ready=tuple(sorted(self.ready, key=place)),
            of_folders={name: each.sorted_by(place) for name, each in self.of_folders.items()},
        )

    def to_settle(self) -> "InboxView":
        """Return the view, now that something in it has to settle again."""
        return replace(self, settling=True)


def _ready_status(candidate: Candidate, rest: str | None) -> InboxStatus:
    reason = candidate.wait_reason if rest is None else f"is complete and {rest}"
    return InboxStatus(
        name=candidate.title,
        reason=reason,
        waits_for="turn" if rest is None else "hours",
        folder=candidate.hot_folder.name,
    )
