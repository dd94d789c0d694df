"""What a scan of the inboxes found."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from heygem_daemon.report.status import InboxStatus
from heygem_daemon.report.status_file import shorten_inbox
from heygem_daemon.report.unlisted import Kinds, Unlisted
from heygem_daemon.report.waiting import TURN
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.lone_sidecars import LoneSidecar
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.sidecar_mistakes import find_mistakes, is_mistaken
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.ownership import person_name

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
    """Everything else, with what it waits for, in the order of arrival."""

    arrivals: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """When each file came, by its name with that of its hot folder: its ctime in nanoseconds."""

    stuck_folders: frozenset[str] = frozenset()
    """The folded names of the folders that are no batch unless somebody acts, with that of their
    hot folder and a slash before them."""

    settling: bool = False
    """Whether something has yet to settle."""

    faulty_items: int = 0
    """How many candidates could not be claimed, and how many files could not be examined."""

    is_broken: bool = False
    """Whether the inbox itself cannot be used."""

    lone_sidecars: tuple[LoneSidecar, ...] = field(default=(), compare=False)
    """The settled sidecars without a file of their name."""

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
        """Return at most ``limit`` entries of the inbox: first those that somebody has to act on,
        last those that are complete; each kind has its share. ``rest_in`` returns until when no job
        of a hot folder starts; None: they may."""
        notices = (*self.mistakes, *self.waiting)
        urgent = (each for each in notices if each.awaited == "attention")
        others = (each for each in notices if each.awaited != "attention")
        ready = (_ready_status(each, rest_in(each.hot_folder.name)) for each in self.ready)
        return shorten_inbox(
            map(_waiting_status, urgent), map(_waiting_status, others), ready, limit
        )

    def unlisted(self, listed: Iterable[InboxStatus]) -> Unlisted:
        """Return how many entries of the inbox are not among those ``listed``."""
        kinds: Kinds = Counter(each.awaited for each in (*self.mistakes, *self.waiting))
        kinds["turn"] += sum(not is_mistaken(each) for each in self.ready)
        kinds.subtract(each.waits_for for each in listed if not each.is_mistaken)
        return Unlisted().with_inbox(kinds)

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

    def with_notices(self, changed: Mapping[str, InboxNotice]) -> "InboxView":
        """Return the view with other notices of what waits, by their names, also in the views of
        the hot folders."""
        return replace(
            self,
            waiting=tuple(changed.get(each.name, each) for each in self.waiting),
            of_folders={name: each.with_notices(changed) for name, each in self.of_folders.items()},
        )

    def to_settle(self) -> "InboxView":
        """Return the view, now that something in it has to settle again."""
        return replace(self, settling=True)


def in_arrival(notices: Iterable[InboxNotice], arrivals: Mapping[str, int]) -> list[InboxNotice]:
    """Return notices in the order in which their files came. Those about no single file come
    first."""
    return sorted(notices, key=lambda each: arrivals.get(each.name, 0))


def _waiting_status(notice: InboxNotice) -> InboxStatus:
    return InboxStatus(
        name=notice.name,
        reason=notice.reason,
        waits_for=notice.awaited,
        remedy=notice.remedy,
        folder=notice.folder,
        dropped_by=person_name(notice.owner),
    )


def _ready_status(candidate: Candidate, rest: str | None) -> InboxStatus:
    return InboxStatus(
        name=candidate.title,
        reason=rest or TURN,
        waits_for="turn" if rest is None else "hours",
        priority=candidate.priority,
        folder=candidate.hot_folder.name,
        is_batch=not isinstance(candidate.source, Pair),
        is_mistaken=is_mistaken(candidate),
        dropped_by=person_name(candidate.owner),
    )
